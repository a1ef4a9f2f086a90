"""Operators see who is slowed down until when, and lift it."""

from __future__ import annotations

from typing import Any

from django.test import Client

from portal.models import Activity, SignInLimit, User
from tests.conftest import PASSWORD
from tests.support.database_clock import Clock, clock

__all__ = ["clock"]
LIMITS = "/admin/portal/signinlimit/"


def guess(email: str, times: int) -> None:
    for _ in range(times):
        Client().post("/accounts/login/", {"login": email, "password": "a wrong guess"})


def test_they_see_which_account_waits_and_let_it_in(clock: Clock, alice: User, olga: User, as_user: Any) -> None:
    guess(alice.email, 8)
    browser = as_user(olga)
    page = browser.get(f"{LIMITS}?kind__exact=account").content.decode()
    assert alice.email in page
    assert '<td class="field-count">5</td>' in page
    assert '<td class="field-next_attempt">12:00:01 UTC</td>' in page

    rows = list(SignInLimit.objects.values_list("pk", flat=True))
    answer = browser.post(LIMITS, {"action": "lift", "_selected_action": rows}, follow=True)
    assert "4 limits are lifted." in answer.content.decode()
    assert Activity.objects.filter(action="account.limit_lifted").count() == 4
    sent = {"login": alice.email, "password": PASSWORD}
    assert Client().post("/accounts/login/", sent).status_code == 302


def test_one_that_waits_no_longer_says_so(clock: Clock, alice: User, olga: User, as_user: Any) -> None:
    guess(alice.email, 5)
    clock.shift(2)
    page = as_user(olga).get(f"{LIMITS}?kind__exact=account").content.decode()
    assert '<td class="field-next_attempt">now</td>' in page


def test_support_sees_none(alice: User, sam: User, as_user: Any) -> None:
    assert as_user(sam).get(LIMITS).status_code == 403
