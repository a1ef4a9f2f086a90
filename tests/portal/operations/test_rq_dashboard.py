"""RQ's dashboard: for operators, under a content policy of its own, and without secrets."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import django_rq
import pytest
from django.conf import settings
from django.urls import URLPattern, get_resolver
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer, resolve_serializer

from portal.models import Activity
from portal.operations import rq_dashboard
from registries.foundation.actor import ActorKind
from tests.support import failing_recorder

pytestmark = pytest.mark.slow

SECRET = "canary-redis-3b"  # pragma: allowlist secret
ARGUMENTS = {"queue_index": 0, "scheduler_index": 0, "connection_index": 0}
HOME = "/admin/rq/"


@pytest.fixture
def redis(redis: Any, settings: Any) -> None:
    """With a password to hide."""
    url = settings.ENV.redis_url
    Redis.from_url(url).config_set("requirepass", SECRET)
    with_password = url.replace("unix://", f"unix://:{SECRET}@")
    settings.RQ_QUEUES = {name: queue | {"URL": with_password} for name, queue in settings.RQ_QUEUES.items()}


def addresses() -> list[str]:
    """Every address of the dashboard, with values that name nothing."""
    found = []
    for pattern in rq_dashboard.urlpatterns:
        assert isinstance(pattern, URLPattern)
        values = {name: ARGUMENTS.get(name, "x") for name in pattern.pattern.converters}
        (route, names), *_ = get_resolver("portal.operations.rq_dashboard").reverse_dict.getlist(pattern.name)[0][0]
        assert set(names) == set(values)
        found.append(HOME + route % values)
    return found


def test_the_whole_dashboard_is_for_operators(sam: Any, bob: Any, as_user: Any) -> None:
    assert len(addresses()) > 20
    for address in addresses():
        assert as_user(sam).get(address).status_code == 403, address
        assert as_user(sam).post(address).status_code == 403, address
        assert as_user(bob).get(address).status_code == 302, address


def test_the_packages_own_addresses_are_gone(olga: Any, sam: Any, as_user: Any) -> None:
    for person in (olga, sam):
        for address in ("stats.json", "queues/0/", "queues/0/details/", "workers/0/"):
            response = as_user(person).get(f"/admin/django_rq/dashboard/{address}")
            assert response.status_code in (403, 404)
    assert as_user(sam).get("/admin/django_rq/dashboard/").status_code == 403
    assert as_user(olga).get("/admin/django_rq/dashboard/")["Location"] == HOME


def test_without_redis_operators_are_told(olga: Any, as_user: Any, settings: Any) -> None:
    settings.RQ_QUEUES = {"pulls": {"URL": "unix:///nowhere/redis.sock"}}
    assert as_user(olga).get(HOME).status_code == 503


def test_an_operator_sees_queues_and_jobs_but_no_secret(redis: None, olga: Any, as_user: Any) -> None:
    row = str(uuid.uuid4())
    # Not through django_rq, which would wait for this test's transaction to commit.
    queue = Queue("pulls", connection=django_rq.get_connection("pulls"), serializer=JSONSerializer)
    job = queue.enqueue_call("groups.jobs.pull", args=(row,), description=f"groups.jobs.pull {row}")
    client = as_user(olga)
    index = sorted(settings.RQ_QUEUES).index("pulls")

    for address in ("", "stats.json", f"queues/{index}/", f"queues/{index}/{job.id}/", f"workers/{index}/"):
        response = client.get(HOME + address)
        assert response.status_code == 200, address
        assert SECRET not in response.content.decode()
    assert row in client.get(f"{HOME}queues/{index}/{job.id}/").content.decode()
    queue.empty()


def test_only_these_pages_may_run_inline_code(redis: None, olga: Any, as_user: Any) -> None:
    client = as_user(olga)
    loose, strict = (client.get(address)["Content-Security-Policy"] for address in (HOME, "/admin/"))
    assert "script-src 'self' 'unsafe-inline'" in loose
    assert "style-src 'self' 'unsafe-inline'" in loose
    assert "default-src 'none'" in loose
    assert "unsafe" not in strict
    assert "unsafe" not in str(settings.CONTENT_SECURITY_POLICY)


@pytest.mark.parametrize("odd", ["queues/99/", "queues/0/%00/", "workers/0/x/", "queues/0/no-such-job/"])
def test_what_is_not_there_is_said_so(redis: None, olga: Any, as_user: Any, odd: str) -> None:
    assert as_user(olga).get(HOME + odd).status_code == 404


@pytest.fixture
def job(redis: None) -> Iterator[Job]:
    """A job that failed."""
    queue = Queue("pulls", connection=django_rq.get_connection("pulls"), serializer=JSONSerializer)
    job = queue.create_job("groups.jobs.pull", args=("row-of-an-image",))
    job.set_status(JobStatus.FAILED)
    job.save()
    queue.failed_job_registry.add(job, ttl=60)
    yield job
    queue.empty()
    queue.failed_job_registry.cleanup(timestamp=time.time() + 3600)


def changed_queues() -> list[tuple[str, str, object]]:
    rows = Activity.objects.filter(organization=None, action="queue.changed").order_by("pk")
    return [(row.text.target_name, row.text.detail, row.text.after.get("jobs")) for row in rows]


def on_pulls(address: str) -> str:
    return f"{HOME}queues/{sorted(settings.RQ_QUEUES).index('pulls')}/{address}"


CONFIRMED = f"{HOME}queues/actions/{{}}/"


def test_what_operators_change_is_recorded(job: Job, olga: Any, as_user: Any) -> None:
    client = as_user(olga)
    client.get(on_pulls(f"{job.id}/delete/"))
    assert changed_queues() == []

    client.post(on_pulls(f"{job.id}/requeue/"))
    client.post(CONFIRMED.format(sorted(settings.RQ_QUEUES).index("pulls")), {"action": "delete", "job_ids": [job.id]})

    assert changed_queues() == [
        ("pulls", "queued a job again", [job.id]),
        ("pulls", "deleted jobs", [job.id]),
    ]
    row = Activity.objects.latest("pk")
    assert (row.actor_kind, row.actor_key) == (ActorKind.OPERATOR, str(olga.pk))


def test_nothing_changes_without_a_record(job: Job, olga: Any, as_user: Any, settings: Any) -> None:
    settings.ACTIVITY_RECORDER = failing_recorder.PATH
    client = as_user(olga)
    client.raise_request_exception = False

    for address in (f"{job.id}/delete/", f"{job.id}/requeue/", "failed/clear/", "requeue-all/"):
        assert client.post(on_pulls(address)).status_code == 500

    assert job.get_status() == JobStatus.FAILED
    assert job.id in job.failed_job_registry.get_job_ids()


@pytest.mark.parametrize("action", ["delete", "requeue", "enqueue"])
def test_what_is_not_there_is_not_recorded(redis: None, olga: Any, as_user: Any, action: str) -> None:
    client = as_user(olga)

    assert client.get(on_pulls(f"no-such-job/{action}/")).status_code == 404
    assert client.post(on_pulls(f"no-such-job/{action}/")).status_code == 404
    assert client.post(f"{HOME}queues/99/empty/").status_code == 404
    assert client.post(CONFIRMED.format(0), {"action": "delete", "job_ids": ["no-such-job"]}).status_code == 404
    client.post(CONFIRMED.format(0), {"action": "nonsense", "job_ids": ["x"]})
    client.post(CONFIRMED.format(0), {"action": "delete"})

    assert changed_queues() == []


def test_a_job_that_another_operator_queued_again(job: Job, olga: Any, as_user: Any) -> None:
    client = as_user(olga)
    client.post(on_pulls(f"{job.id}/requeue/"))
    response = client.post(on_pulls(f"{job.id}/requeue/"))

    assert (response.status_code, "another state" in response.text) == (409, True)
    assert len(changed_queues()) == 1


def test_every_page_that_changes_something_is_named() -> None:
    """The others only read, whatever is sent to them: a new page of the package is looked at before it is named."""
    reading = {
        "confirm_action", "cron_job_detail", "cron_scheduler_detail", "deferred_jobs", "failed_jobs", "finished_jobs",
        "home", "home_json", "job_detail", "jobs", "metrics", "queue_details", "result_detail", "scheduled_jobs",
        "scheduler_jobs", "started_jobs", "worker_details", "workers",
    }  # fmt: skip
    names = {pattern.name for pattern in rq_dashboard.urlpatterns if isinstance(pattern, URLPattern)}

    assert names == reading | set(rq_dashboard.CHANGES)


def test_a_busy_worker_is_shown_and_nothing_of_redis_is_unpickled(redis: None, olga: Any, as_user: Any) -> None:
    queue = Queue("pulls", connection=django_rq.get_connection("pulls"), serializer=JSONSerializer)
    worker = SimpleWorker([queue], connection=queue.connection, serializer=JSONSerializer)
    worker.register_birth()
    job = queue.enqueue("groups.jobs.pull", "row-of-an-image")
    worker.prepare_execution(job)

    page = as_user(olga).get(f"{HOME}workers/0/{worker.key}/")

    assert page.status_code == 200
    assert job.id in page.content.decode()
    assert resolve_serializer() is JSONSerializer
    worker.register_death()
    queue.empty()
