"""Second factors: added, removed, viewed, used and refused with a record, and not without."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.test import Client

from portal.accounts.second_factors import owned_by
from portal.audit import refused_sign_ins
from portal.models import Activity, ActivityText
from tests.conftest import PASSWORD
from tests.support import failing_recorder
from tests.support.second_factors import SECRET, add_recovery_codes, add_totp, code_now, unused_codes
from tests.support.sign_ins import sign_in

pytestmark = pytest.mark.usefixtures("no_limits_left_over")
ACTIVITY = "/o/acme/settings/activity/"


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
        add_totp(alice)
        return add_recovery_codes(alice)

    def test_adding_and_removing_one(self, account: Any, alice: Any, browser: Client) -> None:
        page = browser.get("/accounts/2fa/totp/activate/")
        secret = page.context["form"].secret
        browser.post("/accounts/2fa/totp/activate/", {"code": "nonsense"})
        assert not Authenticator.objects.exists()
        browser.post("/accounts/2fa/totp/activate/", {"code": code_now(secret)})
        assert set(Authenticator.objects.values_list("type", flat=True)) == {"totp", "recovery_codes"}
        browser.post("/accounts/2fa/totp/deactivate/")
        assert not Authenticator.objects.exists()

        assert account() == [
            "account.signed_in",
            "account.second_factor_added",
            "account.second_factor_removed",
        ]
        assert secret not in str(list(ActivityText.objects.values()))

    def test_recovery_codes_are_viewed_once_and_replaced(
        self, account: Any, alice: Any, browser: Client, factors: RecoveryCodes
    ) -> None:
        codes = unused_codes(alice, factors)
        assert codes[0] in browser.post("/accounts/2fa/recovery-codes/").text
        assert codes[0] not in browser.post("/accounts/2fa/recovery-codes/", follow=True).text
        browser.post("/accounts/2fa/recovery-codes/generate/")

        assert account()[1:] == ["account.recovery_codes_viewed", "account.recovery_codes_created"]
        assert codes[0] not in str(list(ActivityText.objects.values()))

    def test_signing_in_with_one(self, account: Any, alice: Any, factors: RecoveryCodes) -> None:
        browser = sign_in(alice)
        assert account() == []
        browser.post("/accounts/2fa/authenticate/", {"code": "nonsense"})
        assert account() == ["account.sign_in_refused"]
        browser.post("/accounts/2fa/authenticate/", {"code": code_now()})

        assert account() == ["account.sign_in_refused", "account.signed_in"]
        assert Activity.objects.latest("pk").text.detail == "with a second factor"

    def test_signing_in_with_a_recovery_code(self, account: Any, alice: Any, factors: RecoveryCodes) -> None:
        browser = sign_in(alice)
        browser.post("/accounts/2fa/authenticate/", {"code": unused_codes(alice, factors)[0]})

        assert account() == ["account.recovery_code_used", "account.signed_in"]

    def test_giving_a_recovery_code_once_more(
        self, account: Any, alice: Any, browser: Client, factors: RecoveryCodes
    ) -> None:
        browser.post("/accounts/2fa/reauthenticate/", {"code": "nonsense"})
        refused_sign_ins.sweep()
        browser.post("/accounts/2fa/reauthenticate/", {"code": unused_codes(alice, factors)[0]})

        assert account()[1:] == ["account.sign_in_refused", "account.recovery_code_used"]

    def test_a_recovery_code_stays_good_where_its_use_is_not_recorded(
        self, alice: Any, acme: Any, factors: RecoveryCodes, settings: Any
    ) -> None:
        browser = sign_in(alice)
        browser.raise_request_exception = False
        settings.ACTIVITY_RECORDER = failing_recorder.PATH
        first = unused_codes(alice, factors)[0]

        assert browser.post("/accounts/2fa/authenticate/", {"code": first}).status_code == 500

        left = unused_codes(alice, Authenticator.objects.get(type="recovery_codes").wrap())
        assert first in left
        assert browser.get(ACTIVITY).status_code == 302

    def test_none_is_removed_without_a_record(
        self, alice: Any, browser: Client, factors: RecoveryCodes, settings: Any
    ) -> None:
        settings.ACTIVITY_RECORDER = failing_recorder.PATH
        browser.raise_request_exception = False

        assert browser.post("/accounts/2fa/totp/deactivate/").status_code == 500

        assert Authenticator.objects.count() == 2
        with owned_by(alice.pk):
            assert get_adapter().decrypt(Authenticator.objects.get(type="totp").data["secret"]) == SECRET
