"""Queues as operators see them: what somebody else wrote to Redis runs nothing, shows nothing and breaks no page."""

from __future__ import annotations

import sys
import uuid
from typing import Any

import pytest
from django.test import Client

from groups.queues.redis_queues import push
from groups.queues.wakeup import KINDS, Wakeup
from portal.models import Activity
from tests.support import failing_recorder
from tests.support.hostile_jobs import CALL, CANARY, DATA, PICKLE, put_job

pytestmark = pytest.mark.slow

START, HEALTH, QUEUE = "/admin/operations/", "/admin/operations/health/", "/admin/operations/queues/"


@pytest.mark.parametrize("address", ["/admin/rq/", HEALTH, START, f"{QUEUE}pulls/", f"{QUEUE}checks/"])
def test_no_page_runs_shows_or_stumbles_over_what_somebody_wrote_to_redis(
    operator: Client, redis: Any, address: str
) -> None:
    put_job(redis, data=PICKLE, success_callback_name=CALL)
    put_job(redis, "checks", job_id="job", data=DATA["nested"])
    redis.rpush(
        "rq:queue:pulls",
        "<script>hunter2</script>",
        b"\xff",
        "subprocess.getoutput",
        Wakeup("pull", uuid.uuid4()).entry,
    )
    redis.set("rq:queue:nodes", "hunter2")
    redis.hset("drayage:refused", mapping={"wrong_type": "7", "not_a_wakeup": "<b>", "hunter2": "1"})
    redis.sadd("rq:workers", "rq:worker:odd", "rq:worker:<b>hunter2", "rq:job:job")
    redis.hset("rq:worker:odd", mapping={"queues": CALL, "state": "hunter2", "wakeup": CALL, "last_heartbeat": b"\xff"})

    answer = operator.get(address, follow=True)

    assert answer.status_code == 200
    assert "hunter2" not in answer.content.decode()
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert CANARY not in sys.modules


def test_a_queue_is_shown_and_emptied_and_that_is_recorded(operator: Client, redis: Any, olga: Any) -> None:
    wakeup = Wakeup("pull", uuid.uuid4())
    push(wakeup.kind.queue, wakeup)
    redis.rpush("rq:queue:pulls", "odd")
    page = operator.get(f"{QUEUE}pulls/").content.decode()
    assert str(wakeup.row) in page
    assert "not a job of this version" in page
    assert redis.llen("rq:queue:pulls") == 2

    answer = operator.post(f"{QUEUE}pulls/", follow=True)

    assert "Nothing is waiting." in answer.content.decode()
    assert redis.exists("rq:queue:pulls") == 0
    row = Activity.objects.get(action="queue.changed")
    assert (row.text.target_name, row.text.detail, row.actor_key) == ("pulls", "emptied the queue", str(olga.pk))


def test_a_queue_is_not_emptied_without_a_record(operator: Client, redis: Any, settings: Any) -> None:
    settings.ACTIVITY_RECORDER = failing_recorder.PATH
    operator.raise_request_exception = False
    push("pulls", Wakeup("pull", uuid.uuid4()))
    assert operator.post(f"{QUEUE}pulls/").status_code == 500
    assert redis.llen("rq:queue:pulls") == 1


def test_without_redis_no_queue_is_emptied_and_nothing_recorded(operator: Client) -> None:
    for answer in (operator.get(f"{QUEUE}pulls/"), operator.post(f"{QUEUE}pulls/")):
        assert "Redis does not answer" in answer.content.decode()
    assert not Activity.objects.filter(action="queue.changed").exists()


@pytest.mark.parametrize("name", ["default", "failed", "rq", "pulls-intermediate"])
def test_there_are_no_other_queues(operator: Client, name: str) -> None:
    assert operator.get(f"{QUEUE}{name}/").status_code == 404
    assert operator.post(f"{QUEUE}{name}/").status_code == 404


@pytest.mark.parametrize("address", ["queues/0/", "stats.json", "workers/0/", "queues/0/x/requeue/", "metrics"])
def test_rqs_own_pages_are_gone(operator: Client, address: str) -> None:
    assert operator.get(f"/admin/rq/{address}").status_code == 404
    assert operator.get(f"/admin/django_rq/dashboard/{address}").status_code == 404


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_of_each_kind_is_shown(operator: Client, redis: Any, kind: str) -> None:
    wakeup = Wakeup(kind, uuid.uuid4())
    push(wakeup.kind.queue, wakeup)
    assert str(wakeup.row) in operator.get(f"{QUEUE}{wakeup.kind.queue}/").content.decode()
