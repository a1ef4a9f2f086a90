"""Jobs of the previous version are run; whatever else is in RQ's hash of a job runs nothing and stops nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.conf import settings
from redis import Redis
from rq import Callback, Queue, Repeat, Retry
from rq.job import Dependency
from rq.serializers import DefaultSerializer, JSONSerializer, Serializer

from groups.queues.redis_queues import push, refused_counts, take
from groups.queues.turns import QueueTurns
from groups.queues.wakeup import KINDS, QUEUES, Reason, Wakeup
from tests.support.hostile_jobs import CALL, CANARY, DATA, HARMLESS, ID, OPTIONS, OTHER_TYPES, ROW, VALUES, put_job

NEXT = Wakeup("pull", uuid4())


@pytest.fixture(autouse=True)
def _nothing_is_imported() -> Iterator[None]:
    sys.modules.pop(CANARY, None)
    yield
    assert CANARY not in sys.modules


def taken(connection: Redis) -> list[Wakeup]:
    """Everything that workers take from the queues."""
    found = []
    while wakeup := take(connection, QueueTurns(QUEUES), None):
        found.append(wakeup)
    return found


def refused(connection: Redis) -> set[Reason]:
    return {reason for reason, count in refused_counts(connection).items() if count}


def keys(connection: Redis) -> set[str]:
    return {str(key) for key in connection.keys("*")} - {"b'drayage:refused'", "b'rq:queues'"}


@pytest.mark.parametrize("job", KINDS)
def test_what_the_previous_version_enqueued_is_run(queues: Redis, job: str) -> None:
    path, row = settings.WAKEUP_JOBS[job], uuid4()
    queue = Queue(KINDS[job].queue, connection=queues, serializer=JSONSerializer)
    enqueued = queue.enqueue_call(path, args=(str(row),), description=f"{path} {row}", result_ttl=60, failure_ttl=86400)
    assert enqueued.id

    assert taken(queues) == [Wakeup(job, row)]
    assert keys(queues) == set()
    assert refused(queues) == set()


def test_a_worker_of_the_previous_version_skips_what_it_does_not_know(queues: Redis) -> None:
    """Both run during an upgrade; the sweeper repeats what the old one skipped."""
    push("pulls", NEXT)
    queue = Queue("pulls", connection=queues, serializer=JSONSerializer)
    known = queue.enqueue_call("groups.jobs.pull", args=(str(ROW),))

    found = Queue.dequeue_any([queue], None, connection=queues, serializer=JSONSerializer)

    assert found is not None
    assert found[0].id == known.id


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_another_call_is_refused(queues: Redis, data: bytes) -> None:
    put_job(queues, data=data)
    push("pulls", NEXT)

    assert taken(queues) == [NEXT]
    assert len(refused(queues)) == 1
    assert keys(queues) == set()


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("field", [*HARMLESS, *OPTIONS, "unknown"])
def test_no_other_field_does_anything(queues: Redis, field: str, value: bytes) -> None:
    put_job(queues, other={field: value})
    push("pulls", NEXT)

    if field in HARMLESS:
        assert taken(queues) == [Wakeup("pull", ROW), NEXT]
    else:
        assert taken(queues) == [NEXT]
        assert refused(queues) == {Reason.JOB_WITH_OPTIONS}
    assert keys(queues) == set()


def test_many_fields_are_not_looked_at(queues: Redis) -> None:
    put_job(queues, other={f"field-{number}": b"x" for number in range(1000)})
    assert taken(queues) == []
    assert refused(queues) == {Reason.JOB_TOO_LARGE}


@pytest.mark.parametrize(
    "options",
    [
        {"on_success": Callback(CALL)},
        {"on_failure": Callback(CALL)},
        {"on_stopped": Callback(CALL)},
        {"kwargs": {"image_id": str(ROW)}},
        {"meta": {"key": CALL}},
        {"retry": Retry(3, [1, 2, 3])},
        {"repeat": Repeat(times=3, interval=1)},
        {"args": (str(ROW), CALL)},
        {"args": ()},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_of_rq_are_refused(queues: Redis, options: dict[str, object]) -> None:
    queue = Queue("pulls", connection=queues, serializer=JSONSerializer)
    queue.enqueue_call("groups.jobs.pull", **{"args": (str(ROW),)} | options)  # type: ignore[arg-type]
    push("pulls", NEXT)

    assert taken(queues) == [NEXT]
    assert len(refused(queues)) == 1


@pytest.mark.parametrize("serializer", [JSONSerializer, DefaultSerializer])
@pytest.mark.parametrize("function", ["subprocess.getoutput", CALL, "os.system", "builtins.exec"])
def test_another_function_is_refused(queues: Redis, function: str, serializer: Serializer) -> None:
    for queue in QUEUES:
        Queue(queue, connection=queues, serializer=serializer).enqueue_call(function, args=("id > /tmp/pwned",))
    assert taken(queues) == []
    assert sum(refused_counts(queues).values()) == len(QUEUES)


def test_what_depends_on_a_job_never_comes(queues: Redis) -> None:
    queue = Queue("pulls", connection=queues, serializer=JSONSerializer)
    first = queue.enqueue_call("groups.jobs.pull", args=(str(ROW),))
    queue.enqueue_call(CALL, depends_on=Dependency([first]))

    assert taken(queues) == [Wakeup("pull", ROW)]


@pytest.mark.parametrize("kind", [kind for kind in OTHER_TYPES if kind != "hash"] + ["none"])
def test_a_key_of_another_type_is_removed(queues: Redis, kind: str) -> None:
    key = f"rq:job:{ID}"
    if kind != "none":
        OTHER_TYPES[kind](queues, key)
    queues.rpush("rq:queue:pulls", ID)
    push("pulls", NEXT)

    assert taken(queues) == [NEXT]
    assert refused(queues) == {Reason.JOB_MISSING if kind == "none" else Reason.WRONG_TYPE}
    assert keys(queues) == set()


def test_nothing_of_a_refused_job_is_logged(queues: Redis, caplog: pytest.LogCaptureFixture) -> None:
    for name, value in {"data": b"hunter2", "description": b"hunter2", "webhooks": b"hunter2"}.items():
        put_job(queues, job_id="hunter2", other={name: value})
    queues.rpush("rq:queue:pulls", "hunter2 is no job", b"hunter2\n{")

    assert taken(queues) == []
    assert caplog.text.count("wakeup_refused") == 5
    assert "hunter2" not in caplog.text
