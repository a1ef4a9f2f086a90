"""Sign-ins, refused sign-ins, sign-outs and passwords: recorded with who, from where, and the request; in the
organizations of that person and in the portal's chain, and nowhere else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client

from portal.accounts import sign_in_limits
from portal.audit import refused_sign_ins
from portal.audit.chain import PORTAL_CHAIN, chain_of
from portal.models import Activity, ActivityText, SignInLimit, User
from portal.organizations import invitations
from tests.conftest import PASSWORD
from tests.support import failing_recorder, password_mails
from tests.support.actors import acting
from tests.support.database_clock import Clock, clock
from tests.support.sign_ins import LOGIN, actions_of, sign_in

__all__ = ["clock"]
pytestmark = pytest.mark.usefixtures("no_limits_left_over")
WRONG = "a wrong guess"
NEW = "another long battery"
ACTIVITY = "/o/acme/settings/activity/"


class TestSigningIn:
    def test_a_sign_in_says_who_from_where_and_in_which_request(self, account: Any, alice: Any) -> None:
        response = Client(REMOTE_ADDR="192.0.2.7").post(LOGIN, {"login": alice.email, "password": PASSWORD})

        assert account() == ["account.signed_in"]
        for row in Activity.objects.all():
            assert (row.actor_kind, row.actor_key, row.target_key) == ("person", str(alice.pk), str(alice.pk))
            assert (row.text.actor_name, row.text.client_address) == (alice.email, "192.0.2.7")
            assert row.request_id == response["X-Request-Id"]

    def test_members_see_it_and_other_organizations_do_not(
        self, account: Any, alice: Any, bob: Any, mallory: Any, as_user: Any
    ) -> None:
        sign_in(alice)

        page = as_user(bob).get(f"{ACTIVITY}?area=account").text
        assert re.search(rf"<strong>{alice.email}</strong>\s+signed in\s+</p>", page)
        assert alice.email not in as_user(mallory).get("/o/umbrella/settings/activity/").text
        assert actions_of(mallory.organizations.get()) == []

    def test_it_is_in_each_organization_in_the_order_of_their_keys_and_the_portal_last(
        self, acme: Any, alice: Any, mallory: Any
    ) -> None:
        umbrella = mallory.organizations.get()
        umbrella.memberships.create(user=alice, role="viewer")
        sign_in(alice)

        chains = [chain_of(row.organization_id) for row in Activity.objects.order_by("pk")]
        assert chains == [*map(str, sorted([acme.pk, umbrella.pk])), PORTAL_CHAIN]

    def test_somebody_who_joins_is_signed_in_with_a_record(self, acme: Any, alice: Any) -> None:
        _, token = invitations.invite(acme, email="nina@acme.example", role="member", by=acting(alice))
        browser = Client()
        browser.post(f"/invitations/{token}/", {"password": NEW})

        assert actions_of(acme) == ["team.invited", "team.joined", "account.signed_in"]
        assert browser.get("/o/acme/registries/").status_code == 200

    def test_nobody_is_signed_in_without_a_record(self, account: Any, alice: Any, settings: Any) -> None:
        settings.ACTIVITY_RECORDER = failing_recorder.PATH
        browser = Client(raise_request_exception=False)

        assert browser.post(LOGIN, {"login": alice.email, "password": PASSWORD}).status_code == 500

        assert browser.get(ACTIVITY).status_code == 302
        assert not Session.objects.exists()
        alice.refresh_from_db()
        assert alice.last_login is None

    def test_signing_out(self, account: Any, alice: Any) -> None:
        browser = sign_in(alice)
        browser.post("/accounts/logout/")

        assert account() == ["account.signed_in", "account.signed_out"]
        assert Activity.objects.last().actor_key == str(alice.pk)  # type: ignore[union-attr]

    def test_signing_out_of_the_admin(self, olga: Any, as_user: Any) -> None:
        as_user(olga).post("/admin/logout/")

        assert actions_of(None) == ["account.signed_out"]
        assert Activity.objects.get().text.actor_name == olga.email


class TestRefused:
    def test_a_wrong_password(self, account: Any, alice: Any) -> None:
        sign_in(alice, WRONG)

        assert account() == ["account.sign_in_refused"]
        row = Activity.objects.first()
        assert row is not None
        assert (row.actor_kind, row.actor_key, row.target_key) == ("anonymous", "", str(alice.pk))
        assert WRONG not in str(list(ActivityText.objects.values()))

    def test_an_unknown_address_is_kept_short_and_in_what_can_be_erased(self, account: Any) -> None:
        typed = f"{'x' * 90}@nowhere.example"
        Client().post(LOGIN, {"login": typed, "password": WRONG})
        refused_sign_ins.sweep()

        row = Activity.objects.get()
        assert (row.organization_id, row.target_key) == (None, "")
        assert row.text.target_name == "x" * 80 + "…"
        assert "xxx" not in str(list(Activity.objects.values()))
        assert WRONG not in str(list(ActivityText.objects.values()))

    def test_somebody_who_is_deactivated(self, account: Any, alice: Any) -> None:
        User.objects.filter(pk=alice.pk).update(is_active=False)
        browser = sign_in(alice)

        assert account() == ["account.sign_in_refused"]
        assert "deactivated" in Activity.objects.latest("pk").text.detail
        assert browser.get(ACTIVITY).status_code == 302

    def test_what_a_limit_refuses_is_not_recorded_again(self, account: Any, alice: Any, clock: Clock) -> None:
        for password in [WRONG] * 8 + [PASSWORD]:
            sign_in(alice, password)

        assert account() == ["account.sign_in_refused"]
        free = sign_in_limits.RATES[SignInLimit.Kind.ACCOUNT].free
        assert Activity.objects.latest("pk").text.after["times"] == free

    def test_changing_it(self, account: Any, alice: Any, as_user: Any) -> None:
        sent = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
        as_user(alice).post("/accounts/password/change/", sent)

        alice.refresh_from_db()
        assert alice.check_password(NEW)
        assert account() == ["account.password_changed"]
        assert NEW not in str(list(ActivityText.objects.values()))

    @pytest.mark.parametrize("headers", [{}, {"X-Requested-With": "XMLHttpRequest"}])
    def test_a_wrong_current_one(self, account: Any, alice: Any, as_user: Any, headers: dict[str, str]) -> None:
        sent = {"oldpassword": WRONG, "password1": NEW, "password2": NEW}
        browser = as_user(alice)
        browser.post("/accounts/password/change/", sent, headers=headers)
        browser.post("/accounts/password/change/", sent | {"oldpassword": PASSWORD, "password2": "other"})

        alice.refresh_from_db()
        assert alice.check_password(PASSWORD)
        assert account() == ["account.sign_in_refused"]
        assert Activity.objects.latest("pk").text.actor_name == alice.email
        assert WRONG not in str(list(ActivityText.objects.values()))

    def test_resetting_it_by_mail(self, account: Any, alice: Any, settings: Any) -> None:
        settings.PORTAL_SENDS_MAIL = True
        browser = Client()
        password_mails.ask_for_link(alice.email)
        (link,) = re.findall(r"/accounts/password/reset/key/\S+", str(mail.outbox[0].body))
        form = browser.get(link)["Location"]
        browser.post(form, {"password1": NEW, "password2": NEW})

        alice.refresh_from_db()
        assert alice.check_password(NEW)
        assert account() == ["account.password_reset"]

    def test_the_admins_own_page_leads_to_the_one_of_the_account(self, olga: Any, as_user: Any) -> None:
        sent = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
        for address in ("/admin/password_change/", "/admin/password_change/done/"):
            assert as_user(olga).get(address)["Location"] == "/accounts/password/change/"
            assert as_user(olga).post(address, sent)["Location"] == "/accounts/password/change/"

        olga.refresh_from_db()
        assert olga.check_password(PASSWORD)
        assert actions_of(None) == []

    def test_not_without_a_record(self, olga: Any, as_user: Any, settings: Any) -> None:
        browser = as_user(olga)
        browser.raise_request_exception = False
        settings.ACTIVITY_RECORDER = failing_recorder.PATH
        sent = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}

        assert browser.post("/accounts/password/change/", sent).status_code == 500

        olga.refresh_from_db()
        assert olga.check_password(PASSWORD)
