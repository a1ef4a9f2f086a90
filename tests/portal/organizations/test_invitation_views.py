"""Inviting somebody, and joining with the link."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from portal.models import Activity, Invitation, User
from portal.organizations import actions, invitations
from registries.foundation.actor import CONSOLE
from registries.secrets import one_time
from registries.secrets.one_time import Purpose
from tests.conftest import PASSWORD
from tests.support.activity import recorded
from tests.support.invitations import GOOD, MEMBERS, NINA, invite, link_in
from tests.support.sealed_rows import seal_again


@pytest.fixture
def sends_mail(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True


class TestInviting:
    def test_the_link_is_shown_once_where_no_mail_is_sent(self, owner: Client) -> None:
        path = invite(owner, "Nina@Acme.example ")

        row = Invitation.objects.get()
        assert (row.email, row.role) == (NINA, "member")
        assert Invitation.objects.open().get() == row
        token = path.split("/")[2]
        assert token not in str(list(Invitation.objects.values()))
        page = owner.get(MEMBERS).text
        assert token not in page
        assert NINA in page
        assert mail.outbox == []

    def test_by_mail_the_link_is_not_shown(self, owner: Client, sends_mail: None) -> None:
        answer = owner.post(f"{MEMBERS}invite/", {"email": NINA, "role": "viewer"}, follow=True)

        (sent,) = mail.outbox
        assert sent.to == [NINA]
        assert "Join Acme" in sent.subject
        assert "as viewer" in str(sent.body)
        assert Client().get(link_in(str(sent.body)), follow=True).status_code == 200
        assert "/invitations/dri_" not in answer.text

    def test_a_second_invitation_ends_the_first(self, owner: Client) -> None:
        first, second = invite(owner), invite(owner)

        assert "withdrawn" in Client().get(first).text
        assert Client().get(second, follow=True).status_code == 200
        earlier, later = Activity.objects.filter(action="team.invited").order_by("number").select_related("text")
        assert (earlier.text.detail, earlier.text.before) == ("as member", {})
        assert later.text.detail == "as member, in place of an earlier invitation"
        assert later.text.before == {"invitations": [earlier.target_key]}
        assert later.text.after == {"role": "member", "invitations": [later.target_key]}

    def test_who_is_in_already(self, owner: Client, bob: Any) -> None:
        answer = owner.post(f"{MEMBERS}invite/", {"email": bob.email.upper(), "role": "owner"})

        assert answer.status_code == 422
        assert "is a member already" in answer.text
        assert not Invitation.objects.exists()

    @pytest.mark.parametrize("typed", [{"email": "nobody"}, {"email": NINA, "role": "god"}, {"email": "a@b.c\nx: y"}])
    def test_slips(self, owner: Client, typed: dict[str, str]) -> None:
        assert owner.post(f"{MEMBERS}invite/", typed).status_code == 422

    def test_what_the_mail_says(self, owner: Client, sends_mail: None, alice: Any) -> None:
        owner.post(f"{MEMBERS}invite/", {"email": NINA, "role": "viewer"})

        (sent,) = mail.outbox
        row = Invitation.objects.get()
        assert one_time.digest_of(link_in(str(sent.body)).split("/")[2], Purpose.INVITATION) == row.token_hash
        assert alice.email in str(sent.body)

    def test_not_too_many(self, owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(invitations, "MAX_INVITATIONS_A_DAY", 1)
        invite(owner)

        assert "Try again tomorrow" in owner.post(f"{MEMBERS}invite/", {"email": "x@y.example", "role": "viewer"}).text


class TestJoining:
    def test_a_new_person(self, owner: Client, acme: Any) -> None:
        path = invite(owner)
        browser = Client()

        assert browser.get(path, follow=True).status_code == 200
        assert not User.objects.filter(email=NINA).exists(), "opening a link changes nothing"
        for weak in ("short", "password123", NINA, "a" * 1001):
            assert browser.post(path, {"password": weak}).status_code == 422
        assert not User.objects.filter(email=NINA).exists()
        assert browser.post(path, {"password": GOOD}, follow=True).status_code == 200

        nina = User.objects.get(email=NINA)
        assert nina.check_password(GOOD)
        assert acme.memberships.get(user=nina).role == "member"
        assert browser.get("/o/acme/registries/").status_code == 200

    def test_somebody_with_an_account(self, owner: Client, mallory: Any, as_user: Any, acme: Any) -> None:
        path = invite(owner, mallory.email, "viewer")

        signed_out = Client().get(path, follow=True).text
        assert "/accounts/login/?next=/invitations/accept/" in signed_out
        assert 'name="password"' not in signed_out
        as_user(mallory).post(path)

        assert acme.memberships.get(user=mallory).role == "viewer"

    def test_nobody_chooses_a_role_or_an_organization(
        self, owner: Client, acme: Any, mallory: Any, as_user: Any
    ) -> None:
        umbrella = mallory.organizations.get()
        wanted = {"role": "owner", "organization": umbrella.pk, "organization_id": umbrella.pk, "is_superuser": "on"}
        wanted |= {"is_staff": "on", "is_support": "on", "email": "other@acme.example", "user": mallory.pk}
        Client().post(invite(owner, role="viewer"), {"password": GOOD} | wanted)
        as_user(mallory).post(invite(owner, mallory.email, "viewer"), wanted)

        nina = User.objects.get(email=NINA)
        assert (nina.is_superuser, nina.is_staff, nina.is_support) == (False, False, False)
        assert list(nina.memberships.values_list("organization__slug", "role")) == [("acme", "viewer")]
        assert acme.memberships.get(user=mallory).role == "viewer"
        assert umbrella.memberships.count() == 1

    def test_a_new_account_is_in_the_portals_activity(self, owner: Client) -> None:
        Client().post(invite(owner), {"password": GOOD})

        assert recorded(organization=None, action="account.created") == [(NINA, "account.created", NINA, "")]

    def test_somebody_who_was_added_in_the_meantime(
        self, owner: Client, mallory: Any, as_user: Any, acme: Any, project: Any
    ) -> None:
        path = invite(owner, mallory.email, "viewer")
        actions.add_member(acme, mallory, role="member", by=CONSOLE)
        as_user(mallory).post(path)

        assert not Invitation.objects.open().exists()
        joined = (mallory.email, "team.joined", "member", "was a member already")
        assert recorded(organization=acme, action="team.joined") == [joined]
        assert acme.memberships.get(user=mallory).role == "member"

    def test_an_account_is_not_taken_over(self, owner: Client, mallory: Any, acme: Any) -> None:
        """The link alone sets no password of somebody who has one."""
        path = invite(owner, mallory.email)

        answer = Client().post(path, {"password": GOOD})

        assert (answer.status_code, 'name="password"' in answer.text) == (200, False)
        assert "/accounts/login/?next=/invitations/accept/" in answer.text
        mallory.refresh_from_db()
        assert mallory.check_password(PASSWORD)
        assert not acme.memberships.filter(user=mallory).exists()

    def test_another_persons_link(self, owner: Client, mallory: Any, as_user: Any, acme: Any) -> None:
        path = invite(owner, "someone@umbrella.example")
        browser = as_user(mallory)

        assert "for another address" in browser.get(path, follow=True).text
        browser.post(path)

        assert not acme.memberships.filter(user=mallory).exists()
        assert Invitation.objects.open().exists()

    def test_twice(self, owner: Client) -> None:
        path = invite(owner)
        Client().post(path, {"password": GOOD})

        again = Client().post(path, {"password": "another long sentence"})

        assert again.status_code == 410
        assert "has been used" in again.text
        assert User.objects.get(email=NINA).check_password(GOOD)

    def test_withdrawn(self, owner: Client) -> None:
        path = invite(owner)
        owner.post(f"/o/acme/settings/invitations/{Invitation.objects.get().pk}/withdraw/")

        answer = Client().post(path, {"password": GOOD})

        assert (answer.status_code, "withdrawn" in answer.text) == (410, True)
        assert not User.objects.filter(email=NINA).exists()

    def test_expired(self, owner: Client) -> None:
        path = invite(owner)
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        seal_again()

        answer = Client().post(path, {"password": GOOD})

        assert (answer.status_code, "has expired" in answer.text) == (410, True)

    @pytest.mark.parametrize("token", ["x", "dri_" + "A" * 43, "%00", "é"])
    def test_no_such_link(self, db: None, token: str) -> None:
        answer = Client().get(f"/invitations/{token}/")

        assert answer.status_code == 404
        assert "no such invitation" in answer.text

    def test_somebody_who_was_removed_does_not_come_back_with_the_old_link(
        self, owner: Client, acme: Any, as_user: Any
    ) -> None:
        path = invite(owner)
        Client().post(path, {"password": GOOD})
        nina = User.objects.get(email=NINA)
        actions.remove(acme.memberships.get(user=nina), by=CONSOLE)

        assert as_user(nina).post(path).status_code == 410
        assert not acme.memberships.filter(user=nina).exists()
