"""The users of Valkey in the deployment: the product works with their rights, and nothing else does."""

from __future__ import annotations

import logging
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import caches
from django.test import Client
from pytest_django import Settings
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from groups.queues.redis_queues import connect, push, refused_counts
from groups.queues.wakeup import KINDS, QUEUES, Wakeup
from groups.queues.workers import read_workers
from groups.rules.wakeups import waiting
from groups.sweep import sweep
from groups.worker import PullWorker
from portal.api.rate import Counter
from portal.config.env import CHECKOUT
from tests.support.hostile_jobs import put_job
from tests.support.pulls import make_group
from tests.support.valkey_users import ValkeyUsers, valkey_with_users

pytestmark = [pytest.mark.interop, pytest.mark.django_db]

As = Callable[[str], Redis]


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyUsers]:
    with valkey_with_users(tmp_path_factory.mktemp("valkey")) as users:
        yield users


@pytest.fixture
def as_zone(valkey: ValkeyUsers, settings: Settings) -> As:
    """Be a process of this zone from now on: it has this user's address of Redis. Returns its connection."""

    def become(zone: str) -> Redis:
        settings.RQ_QUEUES = {name: queue | {"URL": valkey.url(zone)} for name, queue in settings.RQ_QUEUES.items()}
        monkeypatch_django_rq(settings)
        return connect()

    worker = valkey.client("worker")
    worker.delete(*(f"rq:queue:{queue}" for queue in QUEUES), "drayage:refused", "rq:workers")
    return become


def monkeypatch_django_rq(settings: Settings) -> None:
    """It reads the addresses once, when it is imported."""
    from django_rq import settings as of_django_rq

    of_django_rq.QUEUES.update(settings.RQ_QUEUES)


@pytest.fixture(autouse=True)
def _addresses_are_put_back(settings: Settings) -> Iterator[None]:
    from django_rq import settings as of_django_rq

    before = dict(of_django_rq.QUEUES)
    yield
    of_django_rq.QUEUES.clear()
    of_django_rq.QUEUES.update(before)


def test_the_product_works_with_their_rights(
    as_zone: As, operator: Client, project: Any, valkey: ValkeyUsers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    web = as_zone("web")
    wakeups = [Wakeup(job, uuid4()) for job in KINDS]
    for wakeup in wakeups:
        push(wakeup.kind.queue, wakeup)
    web.rpush("rq:queue:checks", "none of ours")
    assert waiting("pulls") == 1
    assert Counter(valkey.url("web")).add("key", 1) == 1
    assert Counter(valkey.url("web")).add("key", 1) == 2

    worker = as_zone("worker")
    put_job(worker, "pulls")
    put_job(worker, "pulls", job_id="other", on_success="x")
    running = PullWorker(list(QUEUES), connection=worker, name="first")
    running.bootstrap()
    running._report(state="busy", wakeup=wakeups[0].entry.decode())

    as_zone("web")
    caches["node_calls"].clear()
    metrics = operator.get("/metrics").content.decode()
    assert "drayage_redis_up 1.0" in metrics
    assert 'drayage_queue_jobs{queue="pulls"} 3.0' in metrics
    for address in ("", "health/", *(f"queues/{queue}/" for queue in QUEUES)):
        page = operator.get(f"/admin/operations/{address}")
        assert page.status_code == 200
        assert "Redis does not answer" not in page.content.decode(), address
    assert "first" in operator.get("/admin/operations/health/").content.decode()

    worker = as_zone("worker")
    ran: list[Wakeup] = []

    class Recording(PullWorker):
        def execute_job(self, job: Wakeup, queue: str) -> None:  # type: ignore[override]
            ran.append(job)
            self._report(state="busy", wakeup=job.entry.decode())

    Recording(list(QUEUES), connection=worker, name="second").work(burst=True)
    assert {wakeup.job for wakeup in ran} == set(KINDS)
    assert len(ran) == len(wakeups) + 1
    assert [report.name for report in read_workers(worker)] == ["first"]

    make_group(project, "registry.example.com/team/app:1")
    sweep()

    web = as_zone("web")
    assert sum(refused_counts(web).values()) == 2
    assert operator.post("/admin/operations/queues/pulls/").status_code == 302
    assert waiting("pulls") == 0
    problems = [record.getMessage() for record in caplog.records if "wakeup_refused" not in record.getMessage()]
    assert [text for text in problems if "Permission" in text or "ResponseError" in text or "in_process" in text] == []


def test_a_worker_waits_for_jobs(as_zone: As) -> None:
    worker = as_zone("worker")
    push("pulls", Wakeup("pull", uuid4()))
    running = PullWorker(["checks", "pulls"], connection=worker, name="waits")
    assert running.dequeue_job_and_maintain_ttl(5) is not None
    assert running.dequeue_job_and_maintain_ttl(1, max_idle_time=1) is None


FORBIDDEN = """
FLUSHALL | FLUSHDB | CONFIG GET * | CONFIG SET dir / | CONFIG REWRITE | DEBUG SLEEP 0 | DEBUG OBJECT rq:workers
EVAL return 0 | EVALSHA x 0 | SCRIPT LOAD x | FUNCTION LOAD x | FCALL x 0 | MODULE LIST | MODULE LOAD /x.so | KEYS *
SCAN 0 | MONITOR | ACL LIST | ACL SETUSER web | ACL WHOAMI | SHUTDOWN NOSAVE | REPLICAOF localhost 1 | SAVE | BGSAVE
BGREWRITEAOF | CLIENT LIST | CLIENT KILL TYPE normal | CLIENT PAUSE 1 | CLIENT NO-EVICT on | PUBLISH rq:pubsub:x x
SUBSCRIBE x | PSUBSCRIBE * | MIGRATE localhost 1 rq:workers 0 1 | RESTORE rq:workers 0 x | DUMP rq:workers
SORT rq:workers | OBJECT ENCODING rq:workers | SWAPDB 0 1 | SELECT 1 | SET rq:queue:pulls x | GET rq:queue:pulls
INFO | COMMAND | LATENCY RESET | SLOWLOG GET | MEMORY USAGE rq:workers | CLUSTER INFO | WAIT 0 0 | RENAME a b
COPY a b | LMOVE rq:queue:pulls rq:queue:nodes LEFT LEFT | RPOPLPUSH rq:queue:pulls x | RANDOMKEY | DBSIZE
""".replace("\n", "|").split("|")
OF_OTHERS = {
    "web": """
BLPOP rq:queue:pulls 1 | LPOP rq:queue:pulls | RPUSH rq:queue:other x | RPUSH rq:job:x x | HSET rq:worker:first state x
HSET rq:job:x data x | HGET rq:job:x data | SADD rq:workers x | SREM rq:workers x | DEL rq:workers | DEL rq:worker:first
EXPIRE rq:worker:first 1 | DEL rq:job:x | INCRBY other 1
""",
    "worker": """
INCRBY drayage:calls:x 1 | DEL drayage:calls:x | LRANGE rq:queue:pulls 0 -1 | RPUSH rq:queue:other x
BLPOP rq:queue:other 1 | HSET other x x | HGET other x
""",
}


@pytest.mark.parametrize("user", OF_OTHERS)
def test_they_have_no_other_rights(valkey: ValkeyUsers, user: str) -> None:
    client = valkey.client(user)
    allowed = []
    for command in [*FORBIDDEN, *OF_OTHERS[user].replace("\n", "|").split("|")]:
        if words := command.split():
            try:
                client.execute_command(*words)  # type: ignore[no-untyped-call]
            except NoPermissionError:
                continue
            except ResponseError as error:
                if "not allowed" in str(error):  # DEBUG is switched off for everybody
                    continue
            allowed.append(command)
    assert allowed == []


def test_nobody_gets_in_without_a_password(valkey: ValkeyUsers) -> None:
    for url in (f"unix://{valkey.socket}", f"unix://web:wrong@{valkey.socket}", f"unix://default:x@{valkey.socket}"):
        with pytest.raises((AuthenticationError, NoPermissionError, ResponseError)):
            Redis.from_url(url).ping()


def test_no_password_is_on_a_command_line_or_kept(valkey: ValkeyUsers) -> None:
    said = (
        Path(f"/proc/{valkey.process.pid}/cmdline").read_bytes()
        + Path(f"/proc/{valkey.process.pid}/environ").read_bytes()
    )
    users = valkey.socket.with_name("users.acl")
    for password in valkey.passwords.values():
        assert password.encode() not in said
        assert password not in users.read_text()
    assert stat.S_IMODE(users.stat().st_mode) == 0o600


FILLED_IN_BY_HAND = {"email_url": "", "sso_client_secret": "", "storage_url": "file:///blobs"}


def test_the_secrets_are_made_once_and_for_their_owner(tmp_path: Path) -> None:
    def make() -> dict[str, str]:
        subprocess.run([CHECKOUT / "deploy" / "make-secrets", tmp_path / "secrets"], check=True, capture_output=True)
        return {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}

    made = make()

    assert make() == made
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    random = {name: text for name, text in made.items() if name not in FILLED_IN_BY_HAND}
    assert all(len(text) == 64 for text in random.values())
    assert len(set(random.values())) == len(random) == 5
    assert {name: made[name] for name in FILLED_IN_BY_HAND} == FILLED_IN_BY_HAND


@pytest.mark.parametrize("missing", ["web", "worker"])
def test_valkey_does_not_start_without_a_password(tmp_path: Path, missing: str) -> None:
    for zone in {"web", "worker"} - {missing}:
        (tmp_path / f"redis_{zone}_password").write_text("x")
    (tmp_path / f"redis_{missing}_password").touch()
    environment = {"PATH": "/usr/bin:/bin", "VALKEY_RULES": str(CHECKOUT / "deploy" / "valkey")}
    environment |= {"VALKEY_SECRETS": str(tmp_path), "VALKEY_USERS": str(tmp_path / "users.acl")}
    start = ["sh", str(CHECKOUT / "deploy" / "valkey" / "start")]

    ended = subprocess.run(start, env=environment, capture_output=True, text=True)

    assert ended.returncode == 1
    assert "deploy/make-secrets" in ended.stderr
