"""What an organization may have at once, one after the other and at the same time."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from groups import jobs
from groups.actions import lifecycle
from groups.actions.checks import start_check
from groups.actions.update import GroupChanges, update
from groups.ingest import outcome
from groups.ingest.claim import claim
from groups.models import Blob, ContainerGroup, Image, Layer, Quota
from groups.queries.group_detail import group_detail
from groups.rules import quotas
from groups.sweep import wake_pulls
from registries.failures import AccessDenied
from registries.foundation.actor import CONSOLE
from registries.foundation.refusal import Refusal
from registries.oci.reference import parse
from tests.support.concurrency import at_once
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import make_credential, make_group
from tests.support.quotas import set_quota

IMAGE = "registry.example.com/team/app:1"


def test_without_limits_nothing_is_refused(project: Any) -> None:
    for number in range(3):
        make_group(project, IMAGE, name=f"app-{number}", replicas=500)
    assert quotas.usage(project.organization_id) == quotas.Usage(groups=3, replicas=1500, stored_bytes=0, pulls=0)


def test_no_group_more_than_allowed(acme: Any, project: Any) -> None:
    set_quota(acme, max_groups=1)
    make_group(project, IMAGE, name="first")
    with pytest.raises(quotas.GroupQuotaReached) as refused:
        make_group(project, IMAGE, name="second")
    assert "has 1 container groups and may have 1" in refused.value.message
    assert "ask support" in refused.value.message
    assert Image.objects.count() == 1


def test_replicas_count_together_and_fewer_always_fit(acme: Any, project: Any) -> None:
    set_quota(acme, max_replicas=5)
    group = make_group(project, IMAGE, name="first", replicas=3)
    with pytest.raises(quotas.ReplicaQuotaReached):
        make_group(project, IMAGE, name="second", replicas=3)
    make_group(project, IMAGE, name="second", replicas=2)
    with pytest.raises(quotas.ReplicaQuotaReached):
        lifecycle.scale(group, 4, by=CONSOLE)
    set_quota(acme, max_replicas=1)
    assert lifecycle.scale(group, 2, by=CONSOLE).replicas == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_is_refused(acme: Any, project: Any) -> None:
    set_quota(acme, max_groups=1)
    done = at_once(*(lambda name=name: make_group(project, IMAGE, name=name) for name in ("one", "two", "three")))
    assert sorted(type(result).__name__ for result in done) == [
        "ContainerGroup",
        "GroupQuotaReached",
        "GroupQuotaReached",
    ]
    assert ContainerGroup.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_that_grow_at_once_one_is_refused(acme: Any, project: Any) -> None:
    groups = [make_group(project, IMAGE, name=name) for name in ("one", "two")]
    set_quota(acme, max_replicas=10)
    done = at_once(*(lambda group=group: lifecycle.scale(group, 9, by=CONSOLE) for group in groups))
    assert sorted(type(result).__name__ for result in done) == ["ContainerGroup", "ReplicaQuotaReached"]
    assert quotas.usage(acme.pk).replicas == 10


def test_pulls_at_once_are_limited(acme: Any, project: Any, woken: list[str]) -> None:
    set_quota(acme, max_pulls=1)
    first, second = (make_group(project, IMAGE, name=name) for name in ("first", "second"))
    assert claim(first.image_id) is not None
    assert claim(second.image_id) is None
    second = ContainerGroup.objects.select_related("image__organization").get(pk=second.pk)
    assert group_detail(second).sentence == "Waiting its turn: this organization pulls 1 image at once."
    assert (second.status, second.image.status) == ("pending", "queued")

    Image.objects.update(created_at="2026-01-01T00:00:00Z")
    woken.clear()
    assert wake_pulls() == 0
    assert woken == []
    Image.objects.filter(pk=first.image_id).update(status="failed")
    assert wake_pulls() == 1
    assert claim(second.image_id) is not None


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_at_once_one_gets_a_pull(acme: Any, project: Any, woken: list[str]) -> None:
    set_quota(acme, max_pulls=1)
    groups = [make_group(project, IMAGE, name=f"app-{number}") for number in range(3)]
    done = at_once(*(lambda group=group: claim(group.image_id) for group in groups))
    assert sum(result is not None for result in done) == 1, done
    assert Image.objects.filter(status="pulling").count() == 1


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []
    monkeypatch.setattr(
        "groups.rules.wakeups.enqueue_job",
        lambda queue, function, row_id: sent.append(row_id) if function == "pull" else None,
    )
    return sent


@pytest.fixture
def registry() -> Any:
    with FakeRegistry() as fake:
        fake.push_image("team/app", "1", [os.urandom(60_000), os.urandom(30_000)])
        fake.push_image("team/other", "1", [os.urandom(50_000)])
        yield fake


@pytest.mark.django_db(transaction=True)
def test_whoever_ends_wakes_the_next(
    acme: Any, project: Any, registry: FakeRegistry, woken: list[str], blobs: Any
) -> None:
    set_quota(acme, max_pulls=1)
    first, second = (make_group(project, f"{registry.host}/team/app:1", name=name) for name in ("first", "second"))
    woken.clear()
    jobs.pull(str(first.image_id))
    assert woken == [str(second.image_id)]


@pytest.mark.django_db(transaction=True)
def test_storage_that_is_full_refuses_before_a_layer_is_asked_for(
    acme: Any, project: Any, registry: FakeRegistry, woken: list[str], blobs: Any
) -> None:
    set_quota(acme, max_stored_bytes=100_000)
    first = make_group(project, f"{registry.host}/team/app:1", name="first")
    jobs.pull(str(first.image_id))
    assert Image.objects.get(pk=first.image_id).status == "ready"
    assert 90_000 <= quotas.usage(acme.pk).stored_bytes <= 91_000

    # The same layers again cost nothing.
    again = make_group(project, f"{registry.host}/team/app:1", name="again")
    jobs.pull(str(again.image_id))
    assert Image.objects.get(pk=again.image_id).status == "ready"

    third = make_group(project, f"{registry.host}/team/other:1", name="third")
    jobs.pull(str(third.image_id))
    failure = third.failures.get()
    assert (failure.code, failure.step) == ("storage_quota_reached", "size")
    assert "of at most 100 kB, and the image needs 50" in failure.words.text
    assert "Delete groups" in failure.words.remedy
    assert not Layer.objects.filter(image=third.image_id).exists()

    lifecycle.delete(again, by=CONSOLE)
    lifecycle.delete(first, by=CONSOLE)
    assert quotas.usage(acme.pk).stored_bytes == 0
    lifecycle.retry(ContainerGroup.objects.get(pk=third.pk), credential=None, by=CONSOLE)
    jobs.pull(str(ContainerGroup.objects.get(pk=third.pk).image_id))
    assert ContainerGroup.objects.get(pk=third.pk).status == "stopped"


@pytest.mark.django_db(transaction=True)
def test_two_pulls_at_once_do_not_fill_it_over(
    acme: Any, project: Any, registry: FakeRegistry, woken: list[str], blobs: Any
) -> None:
    set_quota(acme, max_stored_bytes=100_000)
    groups = [make_group(project, f"{registry.host}/team/{name}:1", name=name) for name in ("app", "other")]
    at_once(*(lambda group=group: jobs.pull(str(group.image_id)) for group in groups))
    assert sorted(Image.objects.values_list("status", flat=True)) == ["failed", "ready"]
    assert sum(Blob.objects.values_list("size", flat=True)) <= 100_000


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("own", "portals", "status"), [(50_000, 10**9, "failed"), (10**9, 50_000, "ready")])
def test_an_images_own_cap_goes_both_ways(
    acme: Any, project: Any, registry: FakeRegistry, woken: list[str], blobs: Any, settings: Any,
    own: int, portals: int, status: str,
) -> None:  # fmt: skip
    settings.PORTAL_MAX_IMAGE_BYTES = portals
    set_quota(acme, max_image_bytes=own)
    group = make_group(project, f"{registry.host}/team/app:1")
    row = start_check(
        organization_id=acme.pk, reference=parse(f"{registry.host}/team/app:1"), credential=None, by=CONSOLE
    )
    jobs.pull(str(group.image_id))
    jobs.check(str(row.pk))
    row.refresh_from_db()
    assert Image.objects.get(pk=group.image_id).status == status
    assert (row.status, row.limit) == ("failed" if status == "failed" else "done", own)


def test_an_organization_without_a_quota_is_one_without_limits(acme: Any, project: Any) -> None:
    """As one is that was written around `create_organization`."""
    Quota.objects.all().delete()
    acme.refresh_from_db()
    columns = ("max_groups", "max_replicas", "max_stored_bytes", "max_pulls", "max_image_bytes", "suspended_at")
    for quota in (quotas.quota_of(acme), quotas.read_quota(acme.pk)):
        assert quota.organization_id == acme.pk
        assert [getattr(quota, column) for column in columns] == [None] * 6

    group = make_group(project, IMAGE)
    Quota.objects.all().delete()

    assert [image.pk for image in Image.objects.startable()] == [group.image_id]
    assert claim(group.image_id) is not None
    with transaction.atomic():
        assert quotas.lock_organization(acme.pk).organization_id == acme.pk
    assert Quota.objects.get().pk == acme.pk


class TestPages:
    """Members hear what is so, and the way out."""

    def test_a_new_group(self, member: Client, acme: Any, project: Any) -> None:
        set_quota(acme, max_groups=1)
        make_group(project, IMAGE, name="first")
        typed = {"image": IMAGE, "name": "second", "replicas": "1", "cpu": "1", "memory_mb": "512"}
        answer = member.post("/o/acme/default/groups/new/", typed | {"restart_policy": "always", "credential": ""})
        assert answer.status_code == 422
        text = answer.content.decode()
        assert "may have 1." in text
        assert "ask support for more" in text
        assert ContainerGroup.objects.count() == 1

    def test_starting_while_suspended(self, member: Client, acme: Any, project: Any) -> None:
        group = make_group(project, IMAGE)
        ContainerGroup.objects.filter(pk=group.pk).update(status="stopped")
        set_quota(acme, suspended_at="2026-01-01T00:00:00Z", suspended_because="Unpaid.")
        answer = member.post("/o/acme/default/groups/app/start/", follow=True)
        text = answer.content.decode()
        assert "Nothing can be started" in text
        assert "Acme is suspended" in text
        assert "Unpaid." in text
        group.refresh_from_db()
        assert group.status == "stopped"

    def test_checking_while_suspended(self, member: Client, acme: Any, project: Any) -> None:
        set_quota(acme, suspended_at="2026-01-01T00:00:00Z")
        answer = member.post("/o/acme/default/groups/new/check/", {"image": IMAGE, "credential": ""})
        assert "Nothing can be started, pulled or checked" in answer.content.decode()


@pytest.mark.parametrize(
    "refusal",
    [
        quotas.RefusedWhileSuspended(),
        quotas.GroupQuotaReached(used=1, limit=1),
        quotas.ReplicaQuotaReached(used=1, limit=1, more=1),
    ],
)
def test_each_refusal_has_words_and_a_way_out(refusal: quotas.QuotaRefusal) -> None:
    assert refusal.code != Refusal.code
    assert refusal.title != Refusal.title
    assert refusal.message.endswith(".")
    assert "upport" in refusal.message


def test_a_limited_organization_is_locked_in_one_order(acme: Any, project: Any) -> None:
    """Quota, image, group: whoever locks the other way round waits for ever. SQLite, which has one writer, only
    shows what is written."""
    set_quota(acme, max_groups=5, max_replicas=50, max_stored_bytes=10**9, max_pulls=2)
    order = ["groups_quota", "groups_image", "groups_containergroup"]
    credential = make_credential(acme, "registry.example.com")
    group = make_group(project, IMAGE, credential=credential)
    for work, locks in (
        (lambda: claim(group.image_id), order[:2]),
        (lambda: lifecycle.scale(group, 3, by=CONSOLE), [order[0], order[2]]),
        (lambda: update(group, GroupChanges(reference=parse(IMAGE), credential=credential), by=CONSOLE), order),
        (lambda: outcome.fail_unsettled(group.image_id, AccessDenied(host="registry.example.com")), order[1:]),
        (lambda: lifecycle.retry(group, credential=None, by=CONSOLE), order),
        (lambda: lifecycle.delete(group, by=CONSOLE), order[1:]),
    ):
        group.refresh_from_db()
        with CaptureQueriesContext(connection) as queries:
            work()
        locked = [
            re.search(r'(?:UPDATE|FROM) "(\w+)"', query["sql"])
            for query in queries
            if query["sql"].startswith("UPDATE") or re.search(r" FOR (?:NO KEY )?UPDATE", query["sql"])
        ]
        tables = list(dict.fromkeys(found[1] for found in locked if found and found[1] in order))
        assert tables == sorted(tables, key=order.index)
        assert connection.vendor != "postgresql" or tables == locks
