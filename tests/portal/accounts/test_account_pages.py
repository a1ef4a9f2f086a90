"""All pages of accounts have the portal's frame, and none has a template of allauth's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import allauth
import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from portal.models import Organization, User
from tests.support.addresses import addresses
from tests.support.fresh_sign_ins import signed_in
from tests.support.second_factors import add_recovery_codes, add_totp

pytestmark = pytest.mark.django_db
ALLAUTH = Path(allauth.__file__).parent
SAMPLES = {"uidb36": "1", "key": "x-y", "token": "x", "browser": "0b0e5a3c-58f5-4e58-9c5c-54a3a5f3f6a1"}


def pages() -> list[str]:
    """The addresses below /accounts/, with something in the place of what varies in them."""
    found = set()
    for address in addresses().values():
        values: dict[str, Any] = {name: SAMPLES[name] for name in address.varies if name in SAMPLES}
        try:
            path = reverse(address.name, kwargs=values)
        except NoReverseMatch:
            continue
        if path.startswith("/accounts/"):
            found.add(path)
    return sorted(found)


def foreign(response: Any) -> list[str]:
    """The templates of allauth's that a page was made of."""
    names = [str(template.origin.name) for template in response.templates if template.origin is not None]
    return [name for name in names if Path(name).is_relative_to(ALLAUTH)]


def check(response: Any, path: str) -> None:
    assert foreign(response) == [], path
    if response.status_code == 200 and response["Content-Type"].startswith("text/html"):
        page = response.content.decode()
        assert 'class="brand' in page, path
        assert "portal/palette.css" in page, path


def test_there_are_many() -> None:
    assert {"/accounts/login/", "/accounts/sessions/", "/accounts/reauthenticate/", "/accounts/2fa/"} <= set(pages())


@pytest.mark.parametrize("path", pages())
def test_for_somebody_signed_in(path: str, alice: User, acme: Organization) -> None:
    add_totp(alice)
    add_recovery_codes(alice)
    check(signed_in(User.objects.get(pk=alice.pk)).get(path), path)


@pytest.mark.parametrize("path", pages())
def test_for_somebody_without_a_second_factor(path: str, owner: Client) -> None:
    check(owner.get(path), path)


@pytest.mark.parametrize("path", pages())
def test_for_a_stranger(path: str, db: None) -> None:
    check(Client().get(path), path)


def test_forms_with_errors(alice: User) -> None:
    check(Client().post("/accounts/login/", {"login": alice.email, "password": "wrong"}), "sign-in")
    check(signed_in(alice).post("/accounts/password/change/", {"oldpassword": "wrong"}), "password")


def test_the_pages_of_a_password_have_a_button(alice: User, acme: Organization) -> None:
    pia = User.objects.create_user("pia@acme.example", address_proof="mail")
    for person, path, text in ((alice, "change", "Change the password"), (pia, "set", "Set the password")):
        page = signed_in(person).get(f"/accounts/password/{path}/").text
        assert f'type="submit">{text}</button>' in page
