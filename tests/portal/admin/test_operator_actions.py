"""What operators do to organizations and pulls in the admin: confirmed, recorded, and not for support."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from groups.models import ContainerGroup, Image
from portal.models import Organization
from registries.models import Credential
from tests.support.activity import recorded
from tests.support.admin_rows import act
from tests.support.pulls import make_credential, make_group
from tests.support.quotas import quota_row

ORGANIZATIONS = "/admin/portal/organization/"
IMAGES = "/admin/groups/image/"
IMAGE = "registry.example.com/team/app:1"


def recorded_after_setup() -> list[tuple[str, str, str, str]]:
    return [row for row in recorded() if row[1] != "group.created"]


def test_suspending_asks_why_and_is_written_down(operator: Client, acme: Any, project: Any, bob: Any) -> None:
    group = make_group(project, IMAGE)
    asks = operator.post(ORGANIZATIONS, act("suspend", acme)).content.decode()
    assert "Suspend these organizations?" in asks
    missing = operator.post(ORGANIZATIONS, act("suspend", acme, confirmed="yes", reason="  ")).content.decode()
    assert "Write this first." in missing
    assert quota_row(acme).suspended_at is None

    for _ in range(2):
        operator.post(ORGANIZATIONS, act("suspend", acme, confirmed="yes", reason="Unpaid <since> May."))

    group.refresh_from_db()
    assert (quota_row(acme).suspended_because, group.status) == ("Unpaid <since> May.", "failed")
    assert LogEntry.objects.get().change_message == "Suspended: Unpaid <since> May."
    assert recorded_after_setup() == [("Drayage", "operator.suspended", "Acme", "Unpaid <since> May.")]


def test_members_read_why_and_whom_to_ask(operator: Client, acme: Any, bob: Any, as_user: Any) -> None:
    operator.post(ORGANIZATIONS, act("suspend", acme, confirmed="yes", reason="Unpaid <since> May."))
    for page in ("/o/acme/default/groups/", "/o/acme/support/", "/o/acme/registries/"):
        text = as_user(bob).get(page).content.decode()
        assert "Acme is suspended" in text
        assert "Unpaid &lt;since&gt; May." in text
        assert "support@localhost" in text

    assert "Resume these organizations?" in operator.post(ORGANIZATIONS, act("resume", acme)).content.decode()
    operator.post(ORGANIZATIONS, act("resume", acme, confirmed="yes"))
    assert "Acme is suspended" not in as_user(bob).get("/o/acme/support/").content.decode()
    assert [verb for _, verb, _, _ in recorded_after_setup()] == ["operator.suspended", "operator.resumed"]


def test_support_does_none_of_it(support: Client, acme: Any, project: Any) -> None:
    group = make_group(project, IMAGE, credential=make_credential(acme, "registry.example.com"))
    for address, action, row in (
        (ORGANIZATIONS, "suspend", acme),
        (ORGANIZATIONS, "resume", acme),
        (IMAGES, "requeue", group.image),
        ("/admin/registries/credential/", "destroy_now", Credential.objects.get()),
    ):
        assert support.post(address, act(action, row, confirmed="yes", reason="Mine.")).status_code == 403
    assert support.post(f"{ORGANIZATIONS}{acme.pk}/change/", {"name": "Mine", "max_groups": "1"}).status_code == 403
    acme.refresh_from_db()
    quota = quota_row(acme)
    assert (acme.name, quota.max_groups, quota.suspended_at) == ("Acme", None, None)
    assert Credential.objects.get().is_live
    assert not LogEntry.objects.exists()


def limits(acme: Any, **values: str) -> dict[str, str]:
    owner = acme.memberships.get(role="owner")
    return {
        "name": "Acme",
        "max_groups": "",
        "max_replicas": "",
        "max_stored_bytes": "",
        "max_pulls": "",
        "max_image_bytes": "",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": str(owner.pk),
        "memberships-0-organization": str(acme.pk),
        "memberships-0-user": str(owner.user_id),
        "memberships-0-role": owner.role,
        "projects-TOTAL_FORMS": "0",
        "projects-INITIAL_FORMS": "0",
    } | values


def test_times_are_short_and_in_24_hours(operator: Client, acme: Any) -> None:
    Organization.objects.filter(pk=acme.pk).update(created_at=datetime(2026, 3, 7, 16, 5, tzinfo=UTC))

    assert "7 Mar 2026, 16:05" in operator.get(ORGANIZATIONS).text
    assert "7 Mar 2026, 16:05" in operator.get(f"{ORGANIZATIONS}{acme.pk}/change/").text


def test_limits_are_set_and_written_down(operator: Client, acme: Any, project: Any) -> None:
    make_group(project, IMAGE, replicas=3)
    address = f"{ORGANIZATIONS}{acme.pk}/change/"
    sent = limits(acme, max_groups="10", max_stored_bytes="1.5 TB", max_image_bytes="20GB", max_pulls="2")
    assert operator.post(address, sent).status_code == 302

    quota = quota_row(acme)
    assert (quota.max_groups, quota.max_replicas, quota.max_stored_bytes) == (10, None, 1_500_000_000_000)
    assert (quota.max_image_bytes, quota.max_pulls) == (20_000_000_000, 2)
    ((actor, verb, target, detail),) = recorded_after_setup()
    assert (actor, verb, target) == ("Drayage", "operator.changed", "limits")
    assert "1.5 TB" in detail
    page = operator.get(address).content.decode()
    assert 'value="1.5 TB"' in page
    assert "1 group, 3 replicas, 0 bytes stored, 0 pulls in progress" in page

    # What is saved as it was shown is no change.
    operator.post(address, sent | {"max_stored_bytes": "1500 GB"})
    assert len(recorded_after_setup()) == 1
    operator.post(address, limits(acme))
    assert quota_row(acme).max_stored_bytes is None


@pytest.mark.parametrize("typed", ["many", "-1", "1.5.2 GB", "9999999 PB", "1e9", "１ GB"])
def test_a_size_that_is_none_is_said(operator: Client, acme: Any, typed: str) -> None:
    answer = operator.post(f"{ORGANIZATIONS}{acme.pk}/change/", limits(acme, max_stored_bytes=typed))
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert quota_row(acme).max_stored_bytes is None


def test_a_pull_is_requeued_after_asking(operator: Client, acme: Any, project: Any) -> None:
    group = make_group(project, IMAGE)
    Image.objects.filter(pk=group.image_id).update(
        status="pulling", lease="00000000-0000-4000-8000-000000000000", lease_expires_at="2026-01-01T00:00:00Z"
    )
    assert str(group.image_id) in operator.get(f"{IMAGES}?stuck=yes").content.decode()
    assert "Pull these images again now?" in operator.post(IMAGES, act("requeue", group.image)).content.decode()
    assert Image.objects.get().status == "pulling"

    operator.post(IMAGES, act("requeue", group.image, confirmed="yes"))

    image = Image.objects.get()
    assert (image.status, image.lease) == ("queued", None)
    assert LogEntry.objects.get().change_message == "Requeued"
    assert recorded_after_setup() == [("Drayage", "group.requeued", IMAGE, "")]
    assert str(image.pk) not in operator.get(f"{IMAGES}?stuck=yes").content.decode()


def test_a_credential_is_destroyed_at_once(operator: Client, acme: Any, project: Any) -> None:
    credential = make_credential(acme, "registry.example.com")
    operator.post("/admin/registries/credential/", act("destroy_now", credential, confirmed="yes"))
    credential.refresh_from_db()
    assert (credential.destroyed_because, credential.sealed) == ("operator", None)
    detail = "registry.example.com, an operator destroyed it"
    assert recorded_after_setup() == [("Drayage", "credential.destroyed", "registry", detail)]


def test_suspension_is_no_field_of_the_form(operator: Client, acme: Any) -> None:
    sent = limits(acme, suspended_at="2026-01-01", suspended_because="Typed.")
    operator.post(f"{ORGANIZATIONS}{acme.pk}/change/", sent)
    assert quota_row(acme).suspended_at is None
    assert not ContainerGroup.objects.exists()
