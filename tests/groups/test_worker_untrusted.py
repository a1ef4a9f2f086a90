"""A worker on a Redis to which somebody else has written: nothing there runs anything, stops it, or is waited for."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
from redis import Redis

from groups.queues.redis_queues import push, refused_counts
from groups.queues.wakeup import QUEUES, Wakeup
from groups.worker import PullWorker
from tests.support.hostile_jobs import CALL, CANARY, put_job

PULL = Wakeup("pull", uuid4())


@pytest.fixture
def bursts(queues: Redis, monkeypatch: pytest.MonkeyPatch, _signals: None) -> Callable[[], list[Wakeup]]:
    """Return a way to have a worker empty the queues. It returns what would have been run in work-horses."""

    def burst() -> list[Wakeup]:
        ran: list[Wakeup] = []
        monkeypatch.setattr(PullWorker, "execute_job", lambda self, job, queue: ran.append(job))
        PullWorker(list(QUEUES), connection=queues, name="burst").work(burst=True)
        return ran

    return burst


POISON: dict[str, Callable[[Redis], object]] = {
    "suspended": lambda queues: queues.set("rq:suspended", 1),
    "workers": lambda queues: queues.set("rq:workers", b"x"),
    "workers of a queue": lambda queues: queues.set("rq:workers:pulls", b"x"),
    "its own report": lambda queues: queues.set("rq:worker:burst", b"x"),
    "a worker of its name": lambda queues: queues.hset("rq:worker:burst", "birth", b"x"),
    "its executions": lambda queues: queues.set("rq:worker:burst:executions", b"x"),
    "queues": lambda queues: queues.set("rq:queues", b"x"),
    "a queue": lambda queues: queues.set("rq:queue:checks", b"x"),
    "an intermediate queue": lambda queues: queues.rpush("rq:queue:pulls:intermediate", "job"),
    "first seen": lambda queues: queues.set("rq:queue:pulls:intermediate:first_seen:job", b"x"),
    "a lock": lambda queues: queues.set("rq:clean_registries:pulls", b"1"),
    "started jobs": lambda queues: queues.zadd("rq:wip:pulls", {"job:execution": 1}),
    "finished jobs": lambda queues: queues.zadd("rq:finished:pulls", {"job": 1}),
    "failed jobs": lambda queues: queues.zadd("rq:failed:pulls", {"job": 1}),
    "deferred jobs": lambda queues: queues.zadd("rq:deferred:pulls", {"job": 1}),
    "canceled jobs": lambda queues: queues.zadd("rq:canceled:pulls", {"job": 1}),
    "scheduled jobs": lambda queues: queues.zadd("rq:scheduled:pulls", {"job": 1}),
    "ready jobs": lambda queues: queues.zadd("rq:ready:pulls", {"job": 1}),
    "rate limited jobs": lambda queues: queues.zadd("rq:rate-limited:pulls", {"job": 1}),
    "a scheduler": lambda queues: queues.set("rq:scheduler-lock:pulls", b"1"),
    "a clock": lambda queues: queues.hset("rq:cron_scheduler:x", "name", b"x"),
    "a clock's job": lambda queues: queues.hset("rq:cron_job:x", "func_name", CALL),
    "a group": lambda queues: queues.sadd("rq:groups", "x") + queues.sadd("rq:groups:x", "job"),
    "results": lambda queues: queues.xadd("rq:results:job", {"type": "1", "return_value": CALL}),
    "executions": lambda queues: queues.zadd("rq:executions:job", {"execution": 1}),
    "an execution": lambda queues: queues.hset("rq:execution:job:execution", "created_at", b"x"),
    "dependents": lambda queues: queues.sadd("rq:job:job:dependents", "other"),
    "counts of refusals": lambda queues: queues.set("drayage:refused", b"x"),
}
"""Every key of RQ's and of ours, as somebody else might write it."""


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_no_key_in_redis_runs_or_stops_anything(
    queues: Redis, bursts: Callable[[], list[Wakeup]], poison: Callable[[Redis], object]
) -> None:
    put_job(queues, "checks", job_id="job", success_callback_name=CALL, failure_callback_name=CALL, timeout="-1")
    queues.lrem("rq:queue:checks", 0, "job")
    poison(queues)
    push("pulls", PULL)

    assert bursts() == [PULL]
    assert CANARY not in sys.modules


def test_refused_entries_are_removed_and_what_is_behind_them_runs(
    queues: Redis, bursts: Callable[[], list[Wakeup]]
) -> None:
    for queue in QUEUES:
        put_job(queues, queue, data=b"subprocess.getoutput")
        queues.rpush(f"rq:queue:{queue}", "subprocess.getoutput", "x:y", b"\xff")
    push("pulls", PULL)

    assert bursts() == [PULL]
    assert sum(refused_counts(queues).values()) == 4 * len(QUEUES)
    assert not any(queues.llen(f"rq:queue:{queue}") for queue in QUEUES)


def test_a_worker_reads_only_its_own_keys(queues: Redis, bursts: Callable[[], list[Wakeup]]) -> None:
    """Whatever a new version of RQ reads is looked at before it is added here."""
    push("pulls", PULL)
    said: list[str] = []
    with queues.monitor() as monitor:  # type: ignore[no-untyped-call]
        done = threading.Event()

        def listen() -> None:
            for command in monitor.listen():
                if "stop listening" in command["command"]:
                    break
                said.append(command["command"])
            done.set()

        threading.Thread(target=listen, daemon=True).start()
        bursts()
        queues.echo("stop listening")
        assert done.wait(10)

    used = {" ".join(command.split()[:2]) for command in said}
    used = {command for command in used if not command.startswith(("CLIENT", "HELLO"))}
    assert used == {
        "LPOP rq:queue:checks",
        "LPOP rq:queue:nodes",
        "LPOP rq:queue:notices",
        "LPOP rq:queue:pulls",
        "LPOP rq:queue:sign_ins",
        "HSET rq:worker:burst",
        "EXPIRE rq:worker:burst",
        "SADD rq:workers",
        "SRANDMEMBER rq:workers",
        "TYPE rq:workers",
        "TYPE rq:worker:burst",
        "DEL rq:worker:burst",
        "SREM rq:workers",
        "MULTI",
        "EXEC",
    }


def test_a_worker_listens_to_no_commands(queues: Redis, bursts: Callable[[], list[Wakeup]]) -> None:
    listeners: list[object] = []

    class Listening(PullWorker):
        def execute_job(self, job: Wakeup, queue: str) -> None:  # type: ignore[override]
            listeners.append(queues.pubsub_channels())
            for data in (b'{"command": "shutdown"}', b'{"command": "kill-horse"}', b"\xff", b"[]", b"x" * 100_000):
                listeners.append(queues.publish("rq:pubsub:listening", data))

    push("pulls", PULL)
    Listening(["pulls"], connection=queues, name="listening").work(burst=True)

    assert listeners == [[], 0, 0, 0, 0, 0]
