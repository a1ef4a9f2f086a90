"""Sign-ins, refused sign-ins, sign-outs, passwords and second factors: recorded with who, from where, and the request;
in the organizations of that person and in the portal's chain, and nowhere else."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.test import Client

from portal.audit import refused_sign_ins
from portal.audit.chain import PORTAL_CHAIN, chain_of
from portal.models import Activity, ActivityText, User
from portal.organizations import invitations
from tests.conftest import PASSWORD
from tests.support import failing_recorder
from tests.support.actors import acting

LOGIN = "/accounts/login/"
WRONG = "a wrong guess"
NEW = "another long battery"
ACTIVITY = "/o/acme/settings/activity/"
SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def _no_limits_left_over(db: None, settings: Any) -> None:
    cache.clear()
    settings.MFA_TOTP_TOLERANCE = 2  # a code stays good over the end of its half minute


def sign_in(person: Any, password: str = PASSWORD, browser: Client | None = None) -> Client:
    browser = browser or Client()
    browser.post(LOGIN, {"login": person.email, "password": password})
    return browser


def code(secret: str = SECRET) -> str:
    """What an authenticator app shows now."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def actions_of(organization: Any) -> list[str]:
    rows = Activity.objects.filter(organization=organization).order_by("number")
    return list(rows.values_list("action", flat=True))


@pytest.fixture
def account(acme: Any, alice: Any) -> Callable[[], list[str]]:
    """Return a way to what is recorded of alice's account after a pass of the sweeper, which is the same in Acme and in
    the portal's chain."""

    def recorded() -> list[str]:
        refused_sign_ins.sweep()
        in_acme = actions_of(acme)
        assert in_acme == actions_of(None)
        return in_acme

    return recorded


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

    def test_what_the_lock_refuses_is_not_recorded_again(self, account: Any, alice: Any, settings: Any) -> None:
        settings.ACCOUNT_RATE_LIMITS = False
        browser = Client()
        for password in [WRONG] * (settings.AXES_FAILURE_LIMIT + 3) + [PASSWORD]:
            sign_in(alice, password, browser)

        assert account() == ["account.sign_in_refused"]
        assert Activity.objects.latest("pk").text.after["times"] == settings.AXES_FAILURE_LIMIT

    def test_what_the_rate_limit_refuses_is_not_recorded(self, account: Any, alice: Any, settings: Any) -> None:
        settings.ACCOUNT_RATE_LIMITS = {"login_failed": "2/m/ip"}
        for _ in range(4):
            sign_in(alice, WRONG)

        assert account() == ["account.sign_in_refused"]
        assert Activity.objects.latest("pk").text.after["times"] == 2


class TestPasswords:
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
        browser.post("/accounts/password/reset/", {"email": alice.email})
        (link,) = re.findall(r"/accounts/password/reset/key/\S+", str(mail.outbox[0].body))
        form = browser.get(link)["Location"]
        browser.post(form, {"password1": NEW, "password2": NEW})

        alice.refresh_from_db()
        assert alice.check_password(NEW)
        assert account() == ["account.password_reset"]

    def test_on_the_admins_own_page(self, olga: Any, as_user: Any) -> None:
        sent = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
        as_user(olga).post("/admin/password_change/", sent)

        olga.refresh_from_db()
        assert olga.check_password(NEW)
        assert actions_of(None) == ["account.password_changed"]

    def test_a_wrong_current_one_on_the_admins_own_page(self, olga: Any, as_user: Any) -> None:
        sent = {"old_password": WRONG, "new_password1": NEW, "new_password2": NEW}
        browser = as_user(olga)
        browser.post("/admin/password_change/", sent)
        browser.post("/admin/password_change/", sent | {"old_password": PASSWORD, "new_password2": "other"})
        refused_sign_ins.sweep()

        olga.refresh_from_db()
        assert olga.check_password(PASSWORD)
        assert actions_of(None) == ["account.sign_in_refused"]
        assert Activity.objects.get().text.actor_name == olga.email
        assert WRONG not in str(list(ActivityText.objects.values()))

    @pytest.mark.parametrize("address", ["/accounts/password/change/", "/admin/password_change/"])
    def test_not_without_a_record(self, olga: Any, as_user: Any, settings: Any, address: str) -> None:
        browser = as_user(olga)
        browser.raise_request_exception = False
        settings.ACTIVITY_RECORDER = failing_recorder.PATH
        sent = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
        sent |= {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}

        assert browser.post(address, sent).status_code == 500

        olga.refresh_from_db()
        assert olga.check_password(PASSWORD)


class TestSecondFactors:
    @pytest.fixture
    def browser(self, acme: Any, alice: Any) -> Client:
        """alice's, who has just given her password again."""
        browser = sign_in(alice)
        browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
        return browser

    @pytest.fixture
    def factors(self, alice: Any) -> RecoveryCodes:
        """An authenticator app and recovery codes of alice's."""
        TOTP.activate(alice, SECRET)
        return RecoveryCodes.activate(alice)

    def test_adding_and_removing_one(self, account: Any, alice: Any, browser: Client) -> None:
        page = browser.get("/accounts/2fa/totp/activate/")
        secret = page.context["form"].secret
        browser.post("/accounts/2fa/totp/activate/", {"code": "nonsense"})
        assert not Authenticator.objects.exists()
        browser.post("/accounts/2fa/totp/activate/", {"code": code(secret)})
        assert set(Authenticator.objects.values_list("type", flat=True)) == {"totp", "recovery_codes"}
        browser.post("/accounts/2fa/totp/deactivate/")
        assert not Authenticator.objects.exists()

        assert account() == [
            "account.signed_in",
            "account.recovery_codes_created",
            "account.second_factor_added",
            "account.recovery_codes_removed",
            "account.second_factor_removed",
        ]
        assert secret not in str(list(ActivityText.objects.values()))

    def test_recovery_codes_are_viewed_downloaded_and_replaced(
        self, account: Any, browser: Client, factors: RecoveryCodes
    ) -> None:
        codes = factors.get_unused_codes()
        assert codes[0] in browser.get("/accounts/2fa/recovery-codes/").text
        assert codes[0] in browser.get("/accounts/2fa/recovery-codes/download/").text
        browser.post("/accounts/2fa/recovery-codes/generate/")

        assert account()[1:] == ["account.recovery_codes_viewed"] * 2 + ["account.recovery_codes_created"]
        assert codes[0] not in str(list(ActivityText.objects.values()))

    def test_signing_in_with_one(self, account: Any, alice: Any, factors: RecoveryCodes) -> None:
        browser = sign_in(alice)
        assert account() == []
        browser.post("/accounts/2fa/authenticate/", {"code": "nonsense"})
        assert account() == ["account.sign_in_refused"]
        browser.post("/accounts/2fa/authenticate/", {"code": code()})

        assert account() == ["account.sign_in_refused", "account.signed_in"]
        assert Activity.objects.latest("pk").text.detail == "with a second factor"

    def test_signing_in_with_a_recovery_code(self, account: Any, alice: Any, factors: RecoveryCodes) -> None:
        browser = sign_in(alice)
        browser.post("/accounts/2fa/authenticate/", {"code": factors.get_unused_codes()[0]})

        assert account() == ["account.recovery_code_used", "account.signed_in"]

    def test_giving_a_recovery_code_once_more(self, account: Any, browser: Client, factors: RecoveryCodes) -> None:
        browser.post("/accounts/2fa/reauthenticate/", {"code": "nonsense"})
        refused_sign_ins.sweep()
        browser.post("/accounts/2fa/reauthenticate/", {"code": factors.get_unused_codes()[0]})

        assert account()[1:] == ["account.sign_in_refused", "account.recovery_code_used"]

    def test_a_recovery_code_stays_good_where_its_use_is_not_recorded(
        self, alice: Any, acme: Any, factors: RecoveryCodes, settings: Any
    ) -> None:
        browser = sign_in(alice)
        browser.raise_request_exception = False
        settings.ACTIVITY_RECORDER = failing_recorder.PATH
        first = factors.get_unused_codes()[0]

        assert browser.post("/accounts/2fa/authenticate/", {"code": first}).status_code == 500

        left = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
        assert first in left
        assert browser.get(ACTIVITY).status_code == 302

    def test_none_is_removed_without_a_record(self, browser: Client, factors: RecoveryCodes, settings: Any) -> None:
        settings.ACTIVITY_RECORDER = failing_recorder.PATH
        browser.raise_request_exception = False

        assert browser.post("/accounts/2fa/totp/deactivate/").status_code == 500

        assert Authenticator.objects.count() == 2
        assert get_adapter().decrypt(Authenticator.objects.get(type="totp").data["secret"]) == SECRET
