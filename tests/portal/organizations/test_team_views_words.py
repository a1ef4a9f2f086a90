"""What people read after each step with a team and its invitations, and that no response with a link is cached."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from portal.mail import sending
from portal.models import Invitation, Membership
from portal.organizations import invitations
from registries.foundation.actor import CONSOLE
from tests.support.page_messages import messages_of
from tests.support.sealed_rows import seal_again

MEMBERS = "/o/acme/settings/members/"
NINA = "nina@acme.example"
GOOD = "a long and good sentence"


def after(response: Any) -> tuple[int, str, str]:
    """Status, where it leads, and the last thing that was said."""
    return response.status_code, response["Location"], messages_of(response)[-1]


def test_the_page_of_a_team(owner: Client, bob: Any) -> None:
    page = owner.get(MEMBERS)

    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    row = Membership.objects.get(user=bob)
    offered = ('name="email"', 'name="role"', f"{MEMBERS}{row.pk}/role/", f"{MEMBERS}{row.pk}/remove/")
    assert [part for part in offered if part not in page.text] == []
    assert "/leave/" not in page.text, "she is the last owner"
    assert [f'<option value="{role}"' in page.text for role in ("viewer", "member", "owner")] == [True] * 3
    assert "The link is shown only now" not in page.text
    assert owner.get(f"{MEMBERS}invite/").status_code == 405
    for address in (f"{row.pk}/role/", f"{row.pk}/remove/", "leave/"):
        asks = owner.get(f"{MEMBERS}{address}")
        assert (asks.status_code, "no-store" in asks["Cache-Control"]) == (200, True)
    assert owner.post(MEMBERS).status_code == 405


@pytest.mark.parametrize("outcome", sending.Outcome)
def test_an_invitation_that_was_sent_printed_or_neither(
    owner: Client, alice: Any, acme: Any, outcome: sending.Outcome, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.PORTAL_PUBLIC_URL = "https://portal.example"
    sent: list[tuple[str, str, dict[str, object]]] = []

    def send(template: str, to: str, context: dict[str, object]) -> sending.Outcome:
        sent.append((template, to, context))
        return outcome

    monkeypatch.setattr(sending, "send", send)
    answer = owner.post(f"{MEMBERS}invite/", {"email": NINA, "role": "viewer"})

    [(template, to, context)] = sent
    row = Invitation.objects.get()
    link = str(context.pop("link"))
    assert link.startswith("https://portal.example/invitations/dri_")
    assert (template, to) == ("invitation", NINA)
    assert context == {
        "organization": acme, "invited_by": alice, "email": NINA, "role": "viewer", "expires_at": row.expires_at,
    }  # fmt: skip
    assert "no-store" in answer["Cache-Control"]
    if outcome is sending.Outcome.SENT:
        assert after(answer) == (302, MEMBERS, f"The invitation was sent to {NINA}.")
        return
    words = " ".join(answer.text.split())
    assert (answer.status_code, messages_of(answer)) == (200, [])
    assert f"Give this link to {NINA}" in words
    assert link in words
    assert ("printed on its console" in words) == (outcome is sending.Outcome.PRINTED)
    assert ("could not send it by email" in words) == (outcome is sending.Outcome.NOT_SENT)


def test_an_invitation_that_is_refused(owner: Client, bob: Any) -> None:
    wrong = owner.post(f"{MEMBERS}invite/", {"email": "", "role": "viewer"})
    refused = owner.post(f"{MEMBERS}invite/", {"email": bob.email, "role": "viewer"})

    assert (wrong.status_code, refused.status_code) == (422, 422)
    assert "Enter the address of whoever should join." in wrong.text
    assert refused.context["form"].errors == {"email": [f"{bob.email} is a member already."]}


def test_withdrawing(owner: Client, acme: Any) -> None:
    row, _ = invitations.invite(acme, email=NINA, role="member", by=CONSOLE)
    address = f"/o/acme/settings/invitations/{row.pk}/withdraw/"

    assert owner.get(address).status_code == 405
    assert after(owner.post(address)) == (302, MEMBERS, f"The invitation for {NINA} was withdrawn.")
    assert after(owner.post(address)) == (302, MEMBERS, f"The invitation for {NINA} had already ended.")


def test_roles_and_leaving(owner: Client, bob: Any, carol: Any, alice: Any) -> None:
    address = {person: f"{MEMBERS}{Membership.objects.get(user=person).pk}" for person in (alice, bob, carol)}

    for sent, words in (
        ("owner", f"{bob.email} is now an owner."),
        ("viewer", f"{bob.email} is now a viewer."),
        ("god", "Choose one of the roles."),
    ):
        assert after(owner.post(f"{address[bob]}/role/", {"role": sent})) == (302, MEMBERS, words)
    last = "An organization needs an owner. Make somebody else owner first."
    assert after(owner.post(f"{address[alice]}/role/", {"role": "member"})) == (302, MEMBERS, last)
    assert after(owner.post(f"{MEMBERS}leave/")) == (302, MEMBERS, last)
    gone = f"{carol.email} is no longer in Acme, and signed out everywhere."
    assert after(owner.post(f"{address[carol]}/remove/")) == (302, MEMBERS, gone)
    owner.post(f"{address[bob]}/role/", {"role": "owner"})
    assert after(owner.post(f"{MEMBERS}leave/")) == (302, "/", "You left Acme.")


def test_the_page_of_an_invitation(acme: Any, alice: Any, mallory: Any, as_user: Any) -> None:
    _, token = invitations.invite(acme, email=NINA, role="viewer", by=CONSOLE)
    path = f"/invitations/{token}/"
    Invitation.objects.update(invited_by=alice)

    page = Client().get(path, follow=True)

    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    words = " ".join(page.text.split())
    assert f"{alice.email} invites <strong>{NINA}</strong> to Acme as viewer." in words
    assert 'name="password"' in words
    wrong = Client().post(path, {"password": "short"})
    assert (wrong.status_code, "This password is too short" in wrong.text) == (422, True)
    hidden = getattr(wrong.wsgi_request, "sensitive_post_parameters", None)
    assert hidden == "__ALL__", "reports of errors leave the password out"
    assert after(Client().post(path, {"password": GOOD})) == (302, "/o/acme/", "Welcome to Acme. Your role is viewer.")
    assert Client().put(path).status_code == 405

    _, token = invitations.invite(acme, email=mallory.email, role="member", by=CONSOLE)
    theirs = as_user(mallory)
    offered = theirs.get(f"/invitations/{token}/", follow=True)
    assert (offered.status_code, "Join as member" in offered.text) == (200, True)
    welcome = (302, "/o/acme/", "Welcome to Acme. Your role is member.")
    assert after(theirs.post(f"/invitations/{token}/")) == welcome


def test_only_owners_are_offered_to_withdraw(owner: Client, acme: Any, bob: Any, carol: Any, as_user: Any) -> None:
    row, _ = invitations.invite(acme, email=NINA, role="viewer", by=CONSOLE)
    address = f"/o/acme/settings/invitations/{row.pk}/withdraw/"

    assert address in owner.get(MEMBERS).text
    for person in (bob, carol):
        page = as_user(person).get(MEMBERS).text
        assert (NINA in page, address in page) == (True, False)


def test_somebody_else_is_not_offered_to_join(acme: Any, mallory: Any, as_user: Any) -> None:
    _, token = invitations.invite(acme, email=NINA, role="viewer", by=CONSOLE)
    assert "Join as viewer" not in as_user(mallory).get(f"/invitations/{token}/", follow=True).text


def test_an_expired_invitation_offers_nothing(acme: Any) -> None:
    row, token = invitations.invite(acme, email=NINA, role="viewer", by=CONSOLE)
    Invitation.objects.update(expires_at=row.created_at)
    seal_again()
    page = Client().get(f"/invitations/{token}/")
    assert (page.status_code, 'name="password"' in page.text) == (410, False)
