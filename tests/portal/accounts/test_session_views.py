"""The page of one's sessions."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from portal.accounts import browser_sessions
from portal.accounts.fresh_sign_in import FRESH_SECONDS
from portal.models import BrowserSession, Organization, User
from registries.secrets.session_data import row_key
from tests.support.fresh_sign_ins import prove
from tests.support.sign_ins import actions_of, sign_in

pytestmark = pytest.mark.django_db
PAGE = "/accounts/sessions/"
OTHERS = "/accounts/sessions/end-others/"
HOME = "/o/acme/"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1"
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def phone(alice: User, acme: Organization) -> Client:
    return sign_in(alice, browser=Client(headers={"User-Agent": PHONE}, REMOTE_ADDR="198.51.100.7"))


@pytest.fixture
def laptop(alice: User, acme: Organization) -> Client:
    return sign_in(alice, browser=Client(headers={"User-Agent": LAPTOP}, REMOTE_ADDR="192.0.2.7"))


def entry_of(browser: Client) -> BrowserSession:
    return BrowserSession.objects.get(row_key=row_key(browser.cookies["sessionid"].value))


def end(browser: Client, other: BrowserSession) -> int:
    return browser.post(f"/accounts/sessions/{other.pk}/end/").status_code


def test_lists_browsers_with_device_and_address(phone: Client, laptop: Client) -> None:
    page = laptop.get(PAGE).content.decode()
    for text in ("Safari on iPhone", "198.51.100.7", "Firefox on Linux", "192.0.2.7"):
        assert text in page
    assert page.count("this browser") == 1
    assert page.index("this browser") < page.index("Safari on iPhone")


def test_the_list_has_nothing_that_opens_a_session(phone: Client) -> None:
    key = phone.cookies["sessionid"].value
    for value in BrowserSession.objects.values_list("row_key", "pk").get():
        thief = Client()
        thief.cookies["sessionid"] = str(value)
        assert thief.get(HOME).status_code == 302
    assert key not in str(BrowserSession.objects.values())
    assert key not in phone.get(PAGE).content.decode()


def test_signs_out_one(phone: Client, laptop: Client, acme: Organization) -> None:
    assert end(laptop, entry_of(phone)) == 302
    assert phone.get(HOME).status_code == 302
    assert laptop.get(HOME).status_code == 200
    assert "Safari on iPhone</strong>" not in laptop.get(PAGE).content.decode()
    assert actions_of(acme)[-1] == actions_of(None)[-1] == "account.session_ended"


def test_not_a_strangers(phone: Client, mallory: User) -> None:
    assert end(sign_in(mallory), entry_of(phone)) == 404
    assert phone.get(HOME).status_code == 200


def test_one_that_has_just_ended_is_no_failure(phone: Client, laptop: Client) -> None:
    entry = entry_of(phone)
    phone.post("/accounts/logout/")
    assert end(laptop, entry) == 404


def test_signs_out_all_others(phone: Client, laptop: Client, alice: User, acme: Organization) -> None:
    before = laptop.cookies["sessionid"].value
    assert laptop.post(OTHERS)["Location"] == PAGE
    assert phone.get(HOME).status_code == 302
    assert laptop.get(HOME).status_code == 200
    assert laptop.cookies["sessionid"].value != before
    page = laptop.get(PAGE).content.decode()
    assert "this browser" in page
    assert "iPhone" not in page
    assert actions_of(acme)[-1] == "account.sessions_ended"


def test_all_others_end_even_if_their_rows_are_put_back(phone: Client, laptop: Client) -> None:
    """By somebody who writes to the database and has a copy of the cookie."""
    stolen = list(Session.objects.all())
    laptop.post(OTHERS)
    Session.objects.all().delete()
    Session.objects.bulk_create(stolen)
    assert phone.get(HOME).status_code == 302


def test_signing_browsers_out_needs_a_fresh_sign_in(phone: Client, laptop: Client, alice: User) -> None:
    prove(alice, laptop, ago=FRESH_SECONDS + 1)
    assert laptop.get(PAGE).status_code == 200
    assert laptop.post(OTHERS)["Location"].startswith("/accounts/reauthenticate/")
    assert phone.get(HOME).status_code == 200


def test_another_password_ends_the_others(phone: Client, laptop: Client) -> None:
    from tests.conftest import PASSWORD

    new = "quite another long sentence"
    before = laptop.cookies["sessionid"].value
    laptop.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert phone.get(HOME).status_code == 302
    assert laptop.get(HOME).status_code == 200
    assert laptop.cookies["sessionid"].value != before
    assert "iPhone" not in laptop.get(PAGE).content.decode()


def test_signing_out_takes_it_off_the_list(phone: Client) -> None:
    phone.post("/accounts/logout/")
    assert not BrowserSession.objects.exists()


def test_the_sweeper_deletes_what_has_no_session(phone: Client, laptop: Client) -> None:
    Session.objects.filter(session_key=entry_of(phone).row_key).delete()
    assert browser_sessions.sweep() == 1
    assert BrowserSession.objects.get() == entry_of(laptop)


def test_whoever_is_not_signed_in_signs_in() -> None:
    assert Client().get(PAGE)["Location"].startswith("/accounts/login/")
    assert Client().post(OTHERS)["Location"].startswith("/accounts/login/")
