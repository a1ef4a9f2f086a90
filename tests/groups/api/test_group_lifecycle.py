"""What a group goes through over the API: start, stop, change, another image, a failure, limits, suspension."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from groups.models import ContainerGroup, Failure, Image, Instance
from groups.rules import group_settings
from groups.rules.states import move
from registries.models import Credential
from tests.portal.api.conftest import CONTAINERS, a_group
from tests.support.activity import recorded
from tests.support.quotas import set_quota

SECRET = "canary-5e1f-secret"  # pragma: allowlist secret

pytestmark = pytest.mark.django_db


def ready(group: ContainerGroup) -> ContainerGroup:
    """The group once its image is pulled."""
    digest = "sha256:" + "a" * 64
    Image.objects.filter(pk=group.image_id).update(status="ready", digest=digest, total_bytes=1000)
    move(group, to="stopped")
    return group


def test_start_and_stop_may_be_said_twice(speaks: Any) -> None:
    speaker = speaks()
    speaker.post(CONTAINERS, a_group(replicas=2))
    early = speaker.post(f"{CONTAINERS}/app/start")
    group = ready(ContainerGroup.objects.get())

    assert (early.status_code, early.json()["code"]) == (409, "wrong_state")
    assert [speaker.post(f"{CONTAINERS}/app/start").status_code for _ in range(2)] == [202, 202]
    state = speaker.get(f"{CONTAINERS}/app").json()["current_state"]
    assert (state["status"], state["instance_status_counts"]["allocating_count"]) == ("deploying", 2)
    assert speaker.get(f"{CONTAINERS}/app").json()["container"]["hash"] == "sha256:" + "a" * 64
    assert [speaker.post(f"{CONTAINERS}/app/stop").status_code for _ in range(2)] == [202, 202]
    assert speaker.delete(f"{CONTAINERS}/app").status_code == 202
    assert speaker.get(f"{CONTAINERS}/app").status_code == 404
    verbs = [(action, who, target) for who, action, target, _ in recorded(action__startswith="group.")]
    assert verbs == [
        (f"group.{each}", "API key ci", group.name) for each in ("created", "started", "stopped", "deleted")
    ]


def test_replicas_change_without_a_new_version(speaks: Any) -> None:
    speaker = speaks()
    speaker.post(CONTAINERS, a_group())
    ready(ContainerGroup.objects.get())
    speaker.post(f"{CONTAINERS}/app/start")

    changed = speaker.patch(f"{CONTAINERS}/app", {"replicas": 3, "display_name": "Three"}).json()

    assert (changed["replicas"], changed["display_name"], changed["version"]) == (3, "Three", 1)
    assert Instance.objects.count() == 3


def test_another_environment_replaces_what_runs(speaks: Any) -> None:
    speaker = speaks()
    speaker.post(CONTAINERS, a_group())
    ready(ContainerGroup.objects.get())
    speaker.post(f"{CONTAINERS}/app/start")
    before = Instance.objects.get()

    changed = speaker.patch(f"{CONTAINERS}/app", {"container": {"environment_variables": {"A": "1"}}})

    assert changed.json()["version"] == 2
    assert Instance.objects.get().pk != before.pk


def test_another_image_is_awaited(speaks: Any) -> None:
    speaker = speaks()
    speaker.post(CONTAINERS, a_group())
    group = ready(ContainerGroup.objects.get())

    changed = speaker.patch(f"{CONTAINERS}/app", {"container": {"image": "registry.example.com/team/app:2.0"}}).json()

    assert changed["pending_change"] is True
    assert changed["container"]["image"].endswith(":1.0")
    assert "app:2.0 is being pulled" in changed["current_state"]["description"]
    group.refresh_from_db()
    assert group.next_image is not None
    again = speaker.patch(f"{CONTAINERS}/app", {"container": {"image": "registry.example.com/team/app:2.0"}}).json()
    assert again["update_time"] == changed["update_time"]
    assert Image.objects.count() == 2


def test_a_failed_group_has_code_and_text_and_takes_another_credential(speaks: Any) -> None:
    speaker = speaks()
    speaker.post(CONTAINERS, a_group())
    group = ContainerGroup.objects.get()
    Image.objects.filter(pk=group.image_id).update(status="failed", settled_at=timezone.now())
    move(group, to="failed")
    Failure.objects.create(
        organization=group.organization, group=group, group_name=group.name, reference=group.image.reference,
        registry="registry.example.com", step="authenticate", code="authentication_failed",
        params={"registry": "registry.example.com"},
    )  # fmt: skip

    shown = speaker.get(f"{CONTAINERS}/app").json()["current_state"]
    answer = speaker.patch(
        f"{CONTAINERS}/app",
        {"container": {"registry_authentication": {"basic": {"username": "u", "password": SECRET}}}},
    )

    assert shown["status"] == "failed"
    assert shown["description"].startswith("authentication_failed: ")
    assert answer.status_code == 200, answer.content
    assert answer.json()["current_state"]["status"] == "pending"
    assert Credential.objects.get().is_live


def test_instances_are_listed_changed_and_ordered(speaks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    speaker = speaks()
    speaker.post(CONTAINERS, a_group())
    ready(ContainerGroup.objects.get())
    speaker.post(f"{CONTAINERS}/app/start")
    row = Instance.objects.get()
    one = f"{CONTAINERS}/app/instances/{row.pk}"

    (listed,) = speaker.get(f"{CONTAINERS}/app/instances").json()["instances"]

    assert listed == speaker.get(one).json()
    assert (listed["state"], listed["machine_id"]) == ("allocating", "00000000-0000-0000-0000-000000000000")
    assert speaker.patch(one, {"deletion_cost": 7}).json()["deletion_cost"] == 7
    assert speaker.patch(one, {"state": "running"}).json()["field"] == "state"
    for order in ("restart", "recreate", "reallocate"):
        assert speaker.post(f"{one}/{order}").json()["code"] == "wrong_state"
    assert group_settings.MAX_DELETION_COST == 100_000
    assert speaker.get(f"{CONTAINERS}/app/instances/nonsense").status_code == 404


def test_limits_are_returned_and_enforced(speaks: Any, acme: Any) -> None:
    set_quota(acme, max_replicas=5, max_groups=1)
    speaker = speaks()
    assert speaker.post(CONTAINERS, a_group(replicas=6)).json()["code"] == "replica_quota_reached"
    assert speaker.post(CONTAINERS, a_group(replicas=4)).status_code == 201

    shown = speaker.get("/api/public/organizations/acme/quotas").json()["container_groups_quotas"]
    refused = speaker.patch(f"{CONTAINERS}/app", {"replicas": 6})
    another = speaker.post(CONTAINERS, a_group(name="another"))

    assert (shown["container_replicas_quota"], shown["container_replicas_used"]) == (5, 4)
    assert (refused.status_code, another.status_code) == (403, 403)
    assert "may have 5" in refused.json()["detail"]
    assert "ask support" in another.json()["detail"]
    assert ContainerGroup.objects.get().replicas == 4


def test_a_suspended_organization_reads_and_does_nothing_new(speaks: Any, acme: Any) -> None:
    speaker = speaks()
    speaker.post(CONTAINERS, a_group())
    set_quota(acme, suspended_at="2026-01-01T00:00:00Z")
    assert speaker.get(f"{CONTAINERS}/app").status_code == 200
    for answer in (
        speaker.post(CONTAINERS, a_group(name="another")),
        speaker.patch(f"{CONTAINERS}/app", {"container": {"image": "registry.example.com/team/other:1"}}),
    ):
        assert answer.status_code == 403
        assert "suspended" in answer.json()["detail"]


def test_quotas_count_replicas(speaks: Any) -> None:
    speaker = speaks()
    speaker.post(CONTAINERS, a_group(replicas=4))
    ready(ContainerGroup.objects.get())
    speaker.post(f"{CONTAINERS}/app/start")

    shown = speaker.get("/api/public/organizations/acme/quotas").json()

    assert shown["container_groups_quotas"]["container_replicas_used"] == 4
