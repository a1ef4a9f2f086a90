"""Forms that wait for a fresh sign-in."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from portal.accounts.fresh_sign_in import FRESH_SECONDS
from portal.accounts.kept_forms import KEPT_FORMS, MAX_FORMS
from portal.models import Invitation, Organization, User
from tests.conftest import PASSWORD
from tests.support.fresh_sign_ins import signed_in

pytestmark = pytest.mark.django_db
CREATE = "/o/acme/settings/api-keys/create/"
KEYS = "/o/acme/settings/api-keys/"
INVITE = "/o/acme/settings/members/invite/"
KEY = {"name": "builds", "scope": "read", "days": "90"}
FRIEND = {"email": "friend@acme.example", "role": "viewer"}


@pytest.fixture
def stale(alice: User, acme: Organization) -> Client:
    """alice's browser, in which she entered her password a while ago."""
    return signed_in(alice, ago=FRESH_SECONDS + 1)


def asked(browser: Client, path: str, form: dict[str, str], **headers: str) -> str:
    """Send a form; the address of the page that asks who it is."""
    response = browser.post(path, form, headers=headers)
    assert response.status_code == 302
    return str(response["Location"])


def after(asking: str) -> str:
    """The address of the page that follows the proof."""
    return parse_qs(urlsplit(asking).query)["next"][0]


def prove(browser: Client, asking: str) -> str:
    """Enter the password; the text of the page that follows."""
    sent = browser.post(urlsplit(asking).path, {"password": PASSWORD, "next": after(asking)})
    assert sent["Location"] == after(asking)
    return str(browser.get(sent["Location"]).content.decode())


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(email|role)" value="([^"]*)">', page))


def test_after_the_password_the_form_is_sent_as_it_was(stale: Client) -> None:
    asking = asked(stale, INVITE, FRIEND)
    page = stale.get(asking).content.decode()
    assert "Confirm it's you" in page
    assert "so this is needed to invite somebody" in page

    page = prove(stale, asking)
    assert "invite somebody" in page
    assert hidden(page) == FRIEND
    assert f'action="{INVITE}"' in page

    assert stale.post(INVITE, hidden(page)).status_code in (200, 302)
    assert Invitation.objects.get().email == "friend@acme.example"
    assert stale.get(after(asking))["Location"] == "/", "it is sent once"


def test_the_page_shows_what_it_sends(stale: Client) -> None:
    page = prove(stale, asked(stale, INVITE, FRIEND | {"_save": "1", "note": "", "text": "x" * 200}))
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page))
    assert facts == {"Email": "friend@acme.example", "Role": "viewer", "Text": "x" * 100 + "…"}


def test_whoever_has_copied_the_session_sends_another_form_for_nobody(stale: Client) -> None:
    asking = asked(stale, INVITE, FRIEND)
    thief = Client()
    thief.cookies["sessionid"] = stale.cookies["sessionid"].value
    thiefs = asked(thief, INVITE, {"email": "thief@evil.example", "role": "owner"})
    assert after(thiefs) != after(asking)

    page = prove(stale, asking)
    assert hidden(page) == FRIEND
    assert "thief@evil.example" not in page


def test_two_tabs_send_each_their_own(stale: Client) -> None:
    first, second = asked(stale, INVITE, FRIEND), asked(stale, INVITE, FRIEND | {"role": "member"})
    page = prove(stale, first)
    assert hidden(page)["role"] == "viewer"
    stale.post(INVITE, hidden(page))
    assert hidden(stale.get(after(second)).content.decode())["role"] == "member"


def test_a_session_keeps_the_newest(stale: Client) -> None:
    first, *others = [asked(stale, INVITE, {"email": f"{n}@acme.example", "role": "viewer"}) for n in range(4)]
    assert len(stale.session[KEPT_FORMS]) == MAX_FORMS == len(others)
    assert stale.get(after(first))["Location"] == "/"
    assert hidden(stale.get(after(others[0])).content.decode())["email"] == "1@acme.example"


@pytest.mark.parametrize("query", ["", "?form=", "?form=nothing", "?form[]=1"])
def test_an_address_without_a_form_leads_to_the_start_page(query: str, stale: Client) -> None:
    asked(stale, INVITE, FRIEND)
    assert stale.get(f"/accounts/continue/{query}")["Location"] == "/"


def test_what_may_be_secret_is_not_kept(stale: Client) -> None:
    form = KEY | {"client_secret": "s3cr3t"}
    asking = asked(stale, CREATE, form, Referer=f"http://testserver{KEYS}")
    page = stale.get(after(asking)).content.decode()
    assert "Enter it again" in page
    assert f'href="{KEYS}"' in page
    assert "s3cr3t" not in page

    prove(stale, asking)
    stale.post(CREATE, form)
    assert stale.get(after(asking))["Location"] == "/", "it was typed again"


@pytest.mark.parametrize(
    "referer", ["https://evil.example/x", "//evil.example/", "", "http://testserver//evil.example/"]
)
def test_the_way_back_is_on_this_portal(referer: str, stale: Client) -> None:
    asking = asked(stale, CREATE, KEY, Referer=referer)
    assert '<a class="btn btn-quiet" href="/">Cancel</a>' in stale.get(after(asking)).content.decode()


def test_long_forms_are_typed_again(stale: Client) -> None:
    asking = asked(stale, CREATE, KEY | {"name": "x" * 30_000})
    assert "Enter it again" in stale.get(after(asking)).content.decode()


def test_a_kept_form_is_not_readable_in_the_database(stale: Client) -> None:
    asked(stale, INVITE, FRIEND)
    stored: Any = Session.objects.values_list("session_data", "session_key").get()
    assert "acme.example" not in "".join(map(str, stored))
