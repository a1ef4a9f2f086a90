"""The page of a team beside another organization, whose people and invitations are neither listed nor found."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from portal.models import Invitation
from portal.organizations import invitations
from registries.foundation.actor import CONSOLE

MEMBERS = "/o/acme/settings/members/"
NINA = "nina@acme.example"


@pytest.fixture
def umbrella(mallory: Any, bob: Any) -> Any:
    umbrella = mallory.organizations.get()
    umbrella.memberships.create(user=bob, role="viewer")
    invitations.invite(umbrella, email="guest@umbrella.example", role="owner", by=CONSOLE)
    return umbrella


def test_the_list(owner: Client, umbrella: Any, acme: Any, alice: Any, bob: Any, carol: Any) -> None:
    for email in (NINA, "late@acme.example", "withdrawn@acme.example", "joined@acme.example"):
        invitations.invite(acme, email=email, role="member", by=CONSOLE)
    Invitation.objects.filter(email="late@acme.example").update(expires_at=timezone.now() - timedelta(days=1))
    Invitation.objects.filter(email="withdrawn@acme.example").update(withdrawn_at=timezone.now())
    Invitation.objects.filter(email="joined@acme.example").update(accepted_at=timezone.now())

    shown = owner.get(MEMBERS)

    assert [(row.user, row.role) for row in shown.context["members"]] == [
        (alice, "owner"), (bob, "member"), (carol, "viewer"),
    ]  # fmt: skip
    assert {row.email for row in shown.context["invitations"]} == {NINA, "late@acme.example"}
    assert shown.context["is_owner"] is True
    assert "umbrella" not in shown.text


def test_its_rows_are_not_found(owner: Client, umbrella: Any, mallory: Any) -> None:
    member = umbrella.memberships.get(user=mallory)
    other = Invitation.objects.get()

    assert owner.post(f"{MEMBERS}{member.pk}/role/", {"role": "viewer"}).status_code == 404
    assert owner.post(f"{MEMBERS}{member.pk}/remove/").status_code == 404
    assert owner.post(f"/o/acme/settings/invitations/{other.pk}/withdraw/").status_code == 404
    member.refresh_from_db()
    assert member.role == "owner"
    assert Invitation.objects.open().contains(other)


def test_leaving_one_keeps_the_other(umbrella: Any, acme: Any, bob: Any, as_user: Any) -> None:
    assert as_user(bob).post(f"{MEMBERS}leave/").status_code == 302

    assert list(bob.memberships.values_list("organization", "role")) == [(umbrella.pk, "viewer")]
