"""A stranger's guesses slow down further guesses, and keep nobody out of their account."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.sign_in_limits import ALARM, RATES, typed_email
from portal.models import Organization, RefusedSignIn, SignInLimit, User
from portal.operations.alerts import Alert, alerts
from portal.operations.workers import Queues
from tests.conftest import PASSWORD
from tests.support.database_clock import Clock, clock
from tests.support.password_guesses import HOME, LOGIN, OTHER, STRANGER, WRONG, counted, known, sign_in, statuses

__all__ = ["clock"]
Kind = SignInLimit.Kind


class TestKeys:
    @pytest.mark.parametrize("typed", ["aliſe@acme.example", "ALIſE@ACME.EXAMPLE", "\uff41lise@acme.example"])
    def test_other_letters_that_find_the_same_account_count_on_it(self, typed: str, clock: Clock) -> None:
        """PostgreSQL finds `alise` by `aliſe`: with n letters s there were 2^n counters for one account."""
        Client().post(LOGIN, {"login": typed, "password": WRONG})
        assert typed_email(typed) == "alise@acme.example"
        assert {name for name in counted() if "ſ" in name} == set()

    def test_what_a_wrong_password_counts_on(self, alice: User, clock: Clock) -> None:
        sign_in(" Alice@ACME.example ", WRONG, client=STRANGER)
        sign_in(alice.email, WRONG, client="2001:db8:1:2:3:4:5:6")

        assert counted() == {
            f"account {alice.email}": 2,
            "domain acme.example": 2,
            f"account_at_address {alice.email} from {STRANGER}": 1,
            f"address {STRANGER}": 1,
            f"account_at_address {alice.email} from 2001:db8:1:2::/64": 1,
            "address 2001:db8:1:2::/64": 1,
        }

    def test_a_right_one_counts_on_nothing(self, alice: User, clock: Clock) -> None:
        sign_in(alice.email, WRONG)
        before = list(SignInLimit.objects.order_by("pk").values())
        clock.shift(1)
        sign_in(alice.email, PASSWORD)
        assert list(SignInLimit.objects.order_by("pk").values()) == before

    def test_neither_the_address_nor_the_password_is_in_the_key(self, alice: User, clock: Clock) -> None:
        sign_in(alice.email, WRONG)
        keys = SignInLimit.objects.values_list("key", flat=True)
        assert all(re.fullmatch(r"1\.[\w-]{43}", key) for key in keys)
        assert WRONG not in str(list(SignInLimit.objects.values()))

    def test_a_secret_in_the_place_of_an_address_is_not_shown(self, clock: Clock) -> None:
        token = "ghp_" + "a1B2" * 9
        sign_in(f"{token}@acme.example", WRONG)
        assert token not in str(list(SignInLimit.objects.values()))

    def test_a_long_address_and_a_nul_are_counted(self, clock: Clock) -> None:
        long = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.example"
        assert sign_in(long, WRONG).status_code == 200
        assert len(counted()) == 4


class TestAccount:
    def test_after_five_each_attempt_waits_up_to_half_a_minute(self, alice: User, clock: Clock) -> None:
        assert statuses(5, alice.email, client=STRANGER) == [200] * 5
        for number, seconds in enumerate((1, 2, 4, 8, 16, 30, 30)):
            clock.shift(seconds - 0.1)
            assert sign_in(alice.email, WRONG, client=f"192.0.2.{number}").status_code == 429
            clock.shift(0.2)
            assert sign_in(alice.email, WRONG, client=f"192.0.2.{number}").status_code == 200

    def test_the_page_says_when(self, alice: User, clock: Clock) -> None:
        statuses(5, alice.email)
        response = sign_in(alice.email, PASSWORD)
        assert response.status_code == 429
        assert response["Retry-After"] == "2"
        assert "Too many failed sign-ins. Try again at 12:00:02 UTC." in response.content.decode()

    def test_what_is_refused_is_neither_counted_nor_noted(self, alice: User, clock: Clock) -> None:
        statuses(5, alice.email)
        assert statuses(50, alice.email) == [429] * 50
        assert counted()[f"account {alice.email}"] == RefusedSignIn.objects.count() == 5

    def test_it_is_forgotten_a_quarter_of_an_hour_after_the_last(self, alice: User, clock: Clock) -> None:
        statuses(5, alice.email)
        clock.shift(RATES[Kind.ACCOUNT].forget + 1)
        assert statuses(6, alice.email) == [200] * 5 + [429]

    def test_a_stranger_keeps_nobody_out_of_a_browser_they_know(self, alice: User, clock: Clock) -> None:
        browser = known(alice)
        for number in range(20):
            statuses(4, alice.email, client=f"192.0.2.{number}")
            clock.shift(1)
        assert sign_in(alice.email, PASSWORD, browser=browser).status_code == 302

    def test_nor_behind_the_address_that_they_share(self, alice: User, bob: User, clock: Clock) -> None:
        browser = known(alice)
        statuses(30, bob.email, client=HOME)
        for number in range(60):
            sign_in(f"nobody-{number}@other.example", WRONG, client=HOME)
        assert sign_in("nobody@third.example", WRONG, client=HOME).status_code == 429
        assert sign_in(alice.email, PASSWORD, client=HOME, browser=browser).status_code == 302

    def test_nor_of_any_other_browser_for_longer_than_half_a_minute(self, alice: User, clock: Clock) -> None:
        """Also while the stranger keeps guessing: the same address waits longer than somebody else."""
        for _ in range(130):
            sign_in(alice.email, WRONG, client=STRANGER)
            clock.shift(1)
        clock.shift(29)
        sign_in(alice.email, WRONG, client=STRANGER)
        clock.shift(30.1)
        assert sign_in(alice.email, WRONG, client=STRANGER).status_code == 429
        assert sign_in(alice.email, PASSWORD, client=HOME).status_code == 302

    def test_nor_of_anybody_elses_account(self, alice: User, bob: User, clock: Clock) -> None:
        statuses(10, alice.email, client=STRANGER)
        assert sign_in(bob.email, PASSWORD, client=HOME).status_code == 302

    def test_a_browser_that_is_known_is_limited_itself(self, alice: User, clock: Clock) -> None:
        browser = known(alice)
        assert statuses(7, alice.email, browser=browser) == [200] * 5 + [429] * 2
        (row,) = [row for row in SignInLimit.objects.filter(kind=Kind.BROWSER) if row.count]
        assert (row.shown, row.count) == (alice.email, 5)
        clock.shift(1.1)
        assert sign_in(alice.email, PASSWORD, browser=browser).status_code == 302

    def test_a_browser_is_known_to_its_accounts_only(self, alice: User, mallory: User, clock: Clock) -> None:
        browser = known(mallory)
        assert statuses(7, alice.email, browser=browser) == [200] * 5 + [429] * 2
        assert f"account {alice.email}" in counted()


class TestAddress:
    def test_one_that_guesses_at_many_accounts_waits(self, clock: Clock) -> None:
        names = [sign_in(f"n{number}@d{number}.example", WRONG, client=STRANGER).status_code for number in range(22)]
        assert names == [200] * 20 + [429] * 2
        assert sign_in("somebody@else.example", WRONG, client=OTHER).status_code == 200
        clock.shift(1.1)
        assert sign_in("n@d.example", WRONG, client=STRANGER).status_code == 200

    def test_a_network_of_ipv6_is_one(self, clock: Clock) -> None:
        names = [
            sign_in(f"n{number}@d{number}.example", WRONG, client=f"2001:db8::{number + 1:x}").status_code
            for number in range(22)
        ]
        assert names == [200] * 20 + [429] * 2

    def test_one_that_is_not_known_is_not_counted(self, clock: Clock) -> None:
        sign_in("n@d.example", WRONG, client="")
        assert set(counted()) == {"account n@d.example", "domain d.example"}


class TestDomain:
    def test_many_failures_with_one_domain_leave_each_client_and_account_one_free_attempt(
        self, alice: User, bob: User, clock: Clock
    ) -> None:
        for number in range(ALARM):
            sign_in(f"n{number}@acme.example", WRONG, client=f"198.18.0.{number}")

        assert statuses(2, alice.email, client=STRANGER) == [200, 429]
        assert sign_in("somebody@acme.example", WRONG, client=STRANGER).status_code == 429
        assert sign_in(bob.email, PASSWORD, client=HOME).status_code == 302
        assert statuses(2, "somebody@umbrella.example", client=OTHER) == [200, 200]

    def test_it_is_forgotten_ten_minutes_after_the_first(self, clock: Clock) -> None:
        for number in range(ALARM):
            sign_in(f"n{number}@acme.example", WRONG, client=f"198.18.0.{number}")
            clock.shift(10)
        clock.shift(RATES[Kind.DOMAIN].forget - 10 * ALARM + 1)
        assert statuses(2, "n@acme.example", client=STRANGER) == [200, 200]

    def test_operators_are_alerted_while_it_lasts(self, acme: Organization, clock: Clock) -> None:
        sign_in("n@acme.example", WRONG)
        SignInLimit.objects.filter(kind=Kind.DOMAIN).update(count=ALARM - 1)
        assert "sign-ins" not in _alerts()
        SignInLimit.objects.filter(kind=Kind.DOMAIN).update(count=ALARM)
        assert "50 failed sign-ins with addresses at acme.example since 12:00 UTC." in _alerts()["sign-ins"].text
        clock.shift(RATES[Kind.DOMAIN].forget + 1)
        assert "sign-ins" not in _alerts()


class TestEnumeration:
    @pytest.mark.parametrize("is_first", [True, False])
    def test_an_unknown_address_is_limited_by_the_same_statements(
        self, acme: Organization, alice: User, clock: Clock, is_first: bool
    ) -> None:
        seen = {}
        for client, email in ((STRANGER, alice.email), (OTHER, "nobody@acme.example")):
            if not is_first:
                statuses(6, email, client=client)
            with CaptureQueriesContext(connection) as captured:
                response = sign_in(email, WRONG, client=client)
            page = re.sub(r'value="[^"]*"|nonce-\S+', "", response.content.decode())
            seen[email] = (response.status_code, page, [_shape(query["sql"]) for query in captured])
        first, second = seen.values()
        assert first == second

    def test_they_are_closed_at_the_same_attempt(self, alice: User, clock: Clock) -> None:
        unknown = "nobody@other.example"
        assert statuses(8, unknown, client=STRANGER) == statuses(8, alice.email, client=OTHER)


def _alerts() -> dict[str, Alert]:
    return {alert.code: alert for alert in alerts(Queues(answers=False))}


def _shape(sql: str) -> str:
    """A statement without its values."""
    return re.sub(r"'[^']*'|\bNULL\b|\b\d+\b|\"(?:s|_django_curs_)\d+_\w+\"", "?", sql)
