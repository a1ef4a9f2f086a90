"""Resetting second factors that somebody lost: in the admin and on the console."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.test import Client

from portal.models import Activity, User
from tests.support.second_factors import add_recovery_codes, add_totp

PEOPLE = "/admin/portal/user/"


def ask(browser: Client, person: User, **form: str) -> Any:
    return browser.post(PEOPLE, {"action": "reset_second_factors", "_selected_action": person.pk, **form})


@pytest.fixture
def bobs(bob: User) -> User:
    add_totp(bob)
    add_recovery_codes(bob)
    return bob


def test_it_asks_for_a_reason(bobs: User, operator: Client) -> None:
    assert "How you made sure who asks" in ask(operator, bobs).text
    ask(operator, bobs, confirmed="yes")
    assert Authenticator.objects.filter(user=bobs).count() == 2


def test_everything_is_removed_and_sessions_end(bobs: User, operator: Client, member: Client) -> None:
    assert member.get("/accounts/2fa/").status_code == 200
    assert ask(operator, bobs, confirmed="yes", reason="Called back").status_code == 302
    assert not Authenticator.objects.filter(user=bobs).exists()
    assert member.get("/accounts/2fa/").status_code == 302
    assert Activity.objects.filter(action="account.second_factors_reset").count() == 2


def test_support_can_not(bobs: User, support: Client) -> None:
    assert ask(support, bobs, confirmed="yes", reason="Called back").status_code == 403
    assert Authenticator.objects.filter(user=bobs).count() == 2


def test_the_only_operator_asks_on_the_console(olga: User) -> None:
    call_command("reset_second_factors", "Olga@drayage.example", reason="In person")
    assert not Authenticator.objects.exists()
    assert Activity.objects.latest("pk").text.detail == "In person"
    with pytest.raises(CommandError, match="no account"):
        call_command("reset_second_factors", "nobody@drayage.example", reason="In person")
