"""Guesses at second factors, and at the password of whoever is signed in."""

from __future__ import annotations

from typing import Any

from django.test import Client

from portal.models import User
from tests.conftest import PASSWORD
from tests.support.database_clock import Clock, clock
from tests.support.password_guesses import STRANGER, WRONG, counted, known, sign_in, statuses
from tests.support.second_factors import add_totp, code_now

__all__ = ["clock"]


class TestSecondFactors:
    def test_ninety_guesses_a_minute_from_three_addresses_and_sessions_are_seven(
        self, alice: User, clock: Clock
    ) -> None:
        add_totp(alice)
        tried = 0
        browsers = [(Client(), f"192.0.2.{number}") for number in range(3)]
        for browser, client in browsers:
            sign_in(alice.email, PASSWORD, client=client, browser=browser)
        for _ in range(30):
            for browser, client in browsers:
                response = browser.post("/accounts/2fa/authenticate/", {"code": "000000"}, REMOTE_ADDR=client)
                tried += response.status_code != 429
            clock.shift(1)
        assert tried == 7
        assert counted() == {f"second_factor {alice.email}": 7}

    def test_ten_in_all_a_known_browser_has_the_last_three(self, alice: User, clock: Clock) -> None:
        browser = known(alice)
        add_totp(alice)
        thief = Client()
        sign_in(alice.email, PASSWORD, client=STRANGER, browser=thief)
        sign_in(alice.email, PASSWORD, browser=browser)
        code = {"code": "000000"}
        refused = [thief.post("/accounts/2fa/authenticate/", code).status_code for _ in range(9)]
        assert refused == [200] * 7 + [429] * 2
        assert browser.post("/accounts/2fa/authenticate/", code).status_code == 200

        right = browser.post("/accounts/2fa/authenticate/", {"code": code_now()})
        assert right.status_code == 302
        assert counted()[f"second_factor {alice.email}"] == 8

    def test_a_minute_after_the_last_they_begin_again(self, alice: User, clock: Clock) -> None:
        add_totp(alice)
        browser = Client()
        sign_in(alice.email, PASSWORD, browser=browser)
        code = {"code": "000000"}
        assert [browser.post("/accounts/2fa/authenticate/", code).status_code for _ in range(8)][-1] == 429
        clock.shift(59.9)
        refused = browser.post("/accounts/2fa/authenticate/", code)
        assert (refused.status_code, refused["Retry-After"]) == (429, "1")
        clock.shift(0.2)
        assert browser.post("/accounts/2fa/authenticate/", code).status_code == 200

    def test_confirming_it_counts_on_the_same(self, alice: User, clock: Clock) -> None:
        add_totp(alice)
        inside = Client()
        sign_in(alice.email, PASSWORD, browser=inside)
        inside.post("/accounts/2fa/authenticate/", {"code": code_now()})
        outside = Client()
        sign_in(alice.email, PASSWORD, client=STRANGER, browser=outside)
        for _ in range(7):
            outside.post("/accounts/2fa/authenticate/", {"code": "000000"})
        tried = [inside.post("/accounts/2fa/reauthenticate/", {"code": "000000"}).status_code for _ in range(4)]
        assert tried == [200] * 3 + [429]


class TestWhoIsSignedIn:
    def test_a_stranger_does_not_keep_them_from_confirming_their_password(
        self, alice: User, as_user: Any, clock: Clock
    ) -> None:
        browser = as_user(alice)
        statuses(20, alice.email, client=STRANGER)
        assert browser.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302

    def test_ten_wrong_ones_a_minute(self, alice: User, as_user: Any, clock: Clock) -> None:
        browser = as_user(alice)
        wrong = [browser.post("/accounts/reauthenticate/", {"password": WRONG}).status_code for _ in range(11)]
        assert wrong == [200] * 10 + [429]
        assert counted() == {
            f"password_again {alice.email}": 10,
            f"password_again {alice.email} in one session": 10,
        }
        change = {"oldpassword": PASSWORD, "password1": "another long battery", "password2": "another long battery"}
        assert browser.post("/accounts/password/change/", change).status_code == 429

    def test_whoever_copied_a_session_keeps_no_other_one_from_confirming(
        self, alice: User, as_user: Any, clock: Clock
    ) -> None:
        thief, own = as_user(alice), as_user(alice)
        for _ in range(11):
            refused = thief.post("/accounts/reauthenticate/", {"password": WRONG})
        assert refused.status_code == 429
        assert own.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302

    def test_nor_with_a_second_factor_whose_limit_in_all_stays(self, alice: User, as_user: Any, clock: Clock) -> None:
        add_totp(alice)
        thief, own = as_user(alice), as_user(alice)
        page, wrong = "/accounts/2fa/reauthenticate/", {"code": "000000"}
        assert [thief.post(page, wrong).status_code for _ in range(6)] == [200] * 5 + [429]
        assert [own.post(page, wrong).status_code for _ in range(3)] == [200] * 2 + [429], "7 in unknown browsers"

    def test_many_sessions_are_thirty_guesses_of_a_password_in_all(
        self, alice: User, as_user: Any, clock: Clock
    ) -> None:
        browsers = [as_user(alice) for _ in range(4)]
        for browser in browsers[:3]:
            for _ in range(10):
                browser.post("/accounts/reauthenticate/", {"password": WRONG})
        assert browsers[3].post("/accounts/reauthenticate/", {"password": WRONG}).status_code == 429
