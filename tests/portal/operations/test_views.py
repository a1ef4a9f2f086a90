"""The operators' pages: what needs attention and where it leads, queues and workers, storage. Not for support."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from groups.models import Blob, ContainerGroup, FailedAttempt, Image, Node, Redemption, SweepPass
from groups.queues.redis_queues import push
from groups.queues.wakeup import Wakeup
from groups.sweep import sweep
from groups.worker import PullWorker
from portal.models import Organization, User
from registries.models import Credential
from tests.support.pulls import make_blob, make_credential, make_group
from tests.support.quotas import set_quota
from tests.support.second_factors import add_totp

pytestmark = pytest.mark.slow

START, HEALTH, STORAGE = "/admin/operations/", "/admin/operations/health/", "/admin/operations/storage/"
QUEUE = "/admin/operations/queues/"
IMAGE = "registry.example.com/team/app:1"


def codes(client: Client) -> dict[str, str]:
    """What needs attention: codes with the addresses that they lead to."""
    answer = client.get(START)
    assert answer.status_code == 200
    return {alert.code: alert.address for alert in answer.context["alerts"]}


def test_who_opens_them(sam: Any, bob: Any, olga: Any, as_user: Any) -> None:
    staff = User.objects.create_user("stan@drayage.example", is_staff=True)
    add_totp(staff)
    for address in (START, HEALTH, STORAGE, f"{STORAGE}?orphans=1"):
        assert [as_user(person).get(address).status_code for person in (olga, sam, staff, bob)] == [200, 403, 403, 302]
        assert as_user(olga).post(address).status_code == 405
        assert Client().get(address)["Location"].startswith("/admin/login/")
    for call in ("get", "post"):
        people = [getattr(as_user(person), call)(f"{QUEUE}pulls/").status_code for person in (sam, staff, bob)]
        assert people == [403, 403, 302]


def test_without_redis_and_sweeper_it_says_so(operator: Client) -> None:
    assert set(codes(operator)) == {"redis", "sweeper"}
    assert "Redis does not answer" in operator.get(HEALTH).content.decode()


def test_nothing_needs_anybody(operator: Client, redis: Any) -> None:
    SweepPass.objects.create(ended_at=timezone.now(), seconds=0.2)
    PullWorker(["pulls"], name="steady", connection=redis).bootstrap()
    assert codes(operator) == {}
    assert "All clear:" in operator.get(START).content.decode()


def test_each_alert_is_shown_and_links_to_what_can_be_done(operator: Client, acme: Any, project: Any) -> None:
    long_ago = timezone.now() - timedelta(hours=2)
    Credential.objects.filter(pk=make_credential(acme, "registry.example.com").pk).update(deadline=long_ago)
    group = make_group(project, IMAGE)
    Image.objects.filter(pk=group.image_id).update(status="pulling", lease=uuid.uuid4(), lease_expires_at=long_ago)
    late = make_group(project, IMAGE, name="late")
    Image.objects.filter(pk=late.image_id).update(created_at=long_ago)
    Node.objects.create(name="quiet", public_key="k", last_seen_at=long_ago)
    Node.objects.create(name="swapped", public_key="k", key_refused="it is not a key")
    Node.objects.create(name="gone", public_key="k", last_seen_at=long_ago, status="removed")
    Redemption.objects.create(outcome="refused", reason="replayed")
    Redemption.objects.create(outcome="refused", reason="expired")
    for kind in ("quay", "ghcr"):
        FailedAttempt.objects.create(organization=acme, kind=kind, code="store_failed", step="layers", final=False)
    SweepPass.objects.create(ended_at=long_ago, seconds=0.1)
    set_quota(Organization.objects.create(slug="halted", name="Halted"), suspended_at=long_ago)

    found = codes(operator)

    assert set(found) == {
        "credentials",
        "pulls",
        "nodes",
        "node-keys",
        "tokens",
        "store",
        "sweeper",
        "redis",
        "suspended",
    }
    text = operator.get(START).content.decode()
    for said in (
        "1 credential is held",
        "2 pulls are stuck",
        "1 node has been silent",
        "1 node has a key that nobody vouches for",
        "Tokens were refused within an hour, 1 in all",
        "failed 2 times",
    ):
        assert said in text, said
    for address in found.values():
        assert operator.get(address).status_code == 200, address
    assert str(Credential.objects.get().pk) in operator.get(found["credentials"]).content.decode()
    assert str(late.image_id) in operator.get(found["pulls"]).content.decode()


def test_a_pass_of_the_sweeper_is_recorded(operator: Client) -> None:
    counts = sweep()
    sweep()
    last = SweepPass.objects.get()
    assert last.counts.keys() == counts.keys()
    assert timezone.now() - last.ended_at < timedelta(minutes=1)
    assert "sweeper" not in codes(operator)


def test_workers_and_queues_are_shown(operator: Client, redis: Any, project: Any) -> None:
    wakeup = Wakeup("pull", uuid.uuid4())
    push(wakeup.kind.queue, wakeup)
    worker = PullWorker(["checks", "pulls"], name="busy-worker", connection=redis)
    worker.bootstrap()
    worker._report(state="busy", wakeup=wakeup.entry.decode())
    group = make_group(project, IMAGE)
    Image.objects.filter(pk=group.image_id).update(
        status="pulling", lease=uuid.uuid4(), started_at=timezone.now(), lease_expires_at=timezone.now()
    )

    answer = operator.get(HEALTH)

    text = answer.content.decode()
    assert answer.context["queues"].waiting == {"checks": 0, "nodes": 0, "notices": 0, "pulls": 1, "sign_ins": 0}
    for shown in ("busy-worker", "pulls an image", str(wakeup.row), IMAGE, "checks, pulls"):
        assert shown in text, shown


def test_storage_is_summed_by_organization(operator: Client, acme: Any, mallory: Any) -> None:
    umbrella = mallory.organizations.get()
    set_quota(acme, max_stored_bytes=4_000_000)
    for owner, size, unused in ((acme, 1_000_000, False), (acme, 500_000, True), (umbrella, 7_000_000, False)):
        blob = make_blob(owner)
        Blob.objects.filter(pk=blob.pk).update(size=size, unused_since=timezone.now() if unused else None)

    answer = operator.get(STORAGE)

    read = answer.context["storage"]
    assert [(str(line.organization), line.used, line.reclaimable, line.percent) for line in read.lines] == [
        ("Umbrella", 7_000_000, 0, None),
        ("Acme", 1_000_000, 500_000, 25),
    ]
    assert (read.used, read.reclaimable, read.blobs) == (8_000_000, 500_000, 3)
    assert "4 MB, 25 % used" in answer.content.decode()


def test_orphans_are_found_when_asked(operator: Client, acme: Any, blobs: Path) -> None:
    kept = make_blob(acme)
    for name in (kept.name, f"{acme.pk}/ab/orphan"):
        path = blobs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    orphans = operator.get(f"{STORAGE}?orphans=1").context["orphans"]
    assert (orphans.checked, orphans.orphans, orphans.whole) == (2, 1, True)


def test_they_cost_the_same_with_more_of_everything(operator: Client, acme: Any, project: Any, alice: Any) -> None:
    def costs() -> list[int]:
        counted = []
        for address in (START, HEALTH, STORAGE):
            with CaptureQueriesContext(connection) as queries:
                operator.get(address)
            counted.append(len(queries))
        return counted

    def more(number: int) -> None:
        group = make_group(project, IMAGE, name=f"app-{number}")
        Image.objects.filter(pk=group.image_id).update(status="pulling", lease=uuid.uuid4())
        make_group(project, IMAGE, name=f"waits-{number}")
        other = Organization.objects.create(slug=f"other-{number}", name=f"Other {number}")
        make_blob(other)
        make_blob(acme)

    more(0)
    costs()
    few = costs()
    for number in range(1, 5):
        more(number)
    assert costs() == few
    assert max(few) <= 25
    assert ContainerGroup.objects.count() == 10
