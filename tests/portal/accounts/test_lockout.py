"""Ten wrong passwords from one client address lock one person out there, for 15 minutes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from tests.conftest import PASSWORD

WRONG = "a wrong guess"


def sign_in(email: str, password: str, *, client: str = "192.0.2.1") -> int:
    """Try to sign in; return the status: 302 if it worked, 200 if not, 429 while that is locked."""
    answer = Client(REMOTE_ADDR=client).post("/accounts/login/", {"login": email, "password": password})
    return answer.status_code


@pytest.fixture(autouse=True)
def _nine_wrong_ones(settings: Any, acme: Any, alice: Any) -> None:
    cache.clear()
    settings.ACCOUNT_RATE_LIMITS = False
    sign_in(alice.email, WRONG)
    AccessAttempt.objects.update(failures_since_start=9)


def test_nine_lock_nobody_out_and_count_no_more_after_the_right_one(alice: Any) -> None:
    assert sign_in(alice.email, PASSWORD) == 302
    assert sign_in(alice.email, WRONG) == 200


def test_ten_lock_this_person_out_and_nobody_else(alice: Any, bob: Any) -> None:
    assert sign_in(alice.email, WRONG) == 429
    assert sign_in(alice.email, PASSWORD) == 429
    assert sign_in(bob.email, PASSWORD) == 302


def test_ten_lock_nobody_out_elsewhere(alice: Any) -> None:
    assert sign_in(alice.email, WRONG) == 429
    assert sign_in(alice.email, PASSWORD, client="192.0.2.2") == 302


def test_another_way_to_write_the_address_counts_too(alice: Any) -> None:
    assert sign_in(" Alice@ACME.example ", WRONG) == 429
    assert list(AccessAttempt.objects.values_list("username", "failures_since_start")) == [(alice.email, 10)]


@pytest.mark.parametrize(("seconds", "status"), [(899, 429), (901, 302)])
def test_how_long(alice: Any, time_machine: Any, seconds: int, status: int) -> None:
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    sign_in(alice.email, WRONG)

    time_machine.move_to(now + timedelta(seconds=seconds), tick=False)
    assert sign_in(alice.email, PASSWORD) == status


def test_an_address_that_is_too_long_is_counted(alice: Any) -> None:
    long = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.example"
    assert sign_in(long, WRONG) == 200
    assert AccessAttempt.objects.filter(username=long[:254]).exists()
