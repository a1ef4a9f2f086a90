"""What a session opens, by how the person signed in."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from portal.accounts.sso import clients
from portal.models import LinkedIdentity, SsoProvider
from tests.conftest import PASSWORD
from tests.support.identity_providers import SsoBrowser, code_on, tell, work
from tests.support.second_factors import add_totp, code_now

pytestmark = pytest.mark.django_db


def only_sso(acme: Any) -> None:
    """Close Acme to other sign-ins."""
    provider = SsoProvider.objects.get(organization=acme)
    provider.requires_sso = True
    provider.mark = clients.settings_mark(provider)
    provider.save()


def test_it_opens_the_organization_and_nothing_else(dora: SsoBrowser, acme: Any, mallory: Any) -> None:
    person = LinkedIdentity.objects.get().person
    other = mallory.organizations.get()
    other.memberships.create(user=person, role="owner")
    assert dora.client.get("/o/acme/").status_code == 200
    for address in (f"/o/{other.slug}/", f"/o/{other.slug}/settings/members/"):
        assert dora.client.get(address).status_code == 403
    assert other.name not in dora.client.get("/o/acme/").content.decode(), "it does not even learn its name"
    for address in ("/accounts/2fa/", "/accounts/password/change/", "/accounts/sso/connected/", "/invitations/accept/"):
        response = dora.client.get(address)
        assert response.status_code == 403, address
        assert b"Sign in another way" in response.content


def test_an_identity_that_is_gone_ends_its_session(dora: SsoBrowser) -> None:
    LinkedIdentity.objects.all().delete()
    assert dora.client.get("/o/acme/")["Location"].startswith("/accounts/login/")
    assert "_auth_user_id" not in dora.client.session


def test_an_identity_that_was_changed_outside_ends_its_session(dora: SsoBrowser, alice: Any) -> None:
    LinkedIdentity.objects.update(epoch=5)
    assert dora.client.get("/o/acme/").status_code == 302


def test_only_by_sso_closes_the_organization_to_passwords(
    dora: SsoBrowser, acme: Any, member: Client, owner: Client
) -> None:
    only_sso(acme)
    response = member.get("/o/acme/")
    assert response.status_code == 403
    assert b"requires single sign-on" in response.content
    assert member.get("/accounts/2fa/").status_code == 200, "the account is theirs"
    assert owner.get("/o/acme/").status_code == 403, "an owner without a second factor"
    assert dora.client.get("/o/acme/").status_code == 200


def test_an_owner_with_a_second_factor_gets_in_without_the_provider(
    dora: SsoBrowser, acme: Any, alice: Any, bob: Any
) -> None:
    only_sso(acme)
    for person, status in ((alice, 200), (bob, 403)):
        add_totp(person)
        browser = Client()
        browser.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
        browser.post("/accounts/2fa/authenticate/", {"code": code_now()})
        assert browser.get("/o/acme/").status_code == status


def test_who_is_signed_in_adds_the_provider_to_the_session(
    dora: SsoBrowser, acme: Any, bob: Any, lying_issuer: str
) -> None:
    only_sso(acme)
    browser = SsoBrowser()
    browser.client.post("/accounts/login/", {"login": "bob@acme.example", "password": PASSWORD})
    assert browser.client.get("/o/acme/").status_code == 403
    tell(lying_issuer, "", email="bob@acme.example", sub="bob")
    connect = browser.sign_in("acme", next_url="/o/acme/")["Location"]
    assert browser.client.post(connect)["Location"] == "/o/acme/"
    assert browser.client.get("/o/acme/").status_code == 200
    assert browser.client.get("/accounts/sso/connected/").status_code == 200, "the session is not limited"
    LinkedIdentity.objects.filter(person=bob).delete()
    assert browser.client.get("/o/acme/").status_code == 403
    assert browser.client.get("/accounts/sso/connected/").status_code == 200, "the password still counts"


def test_the_second_factor_is_asked_for_all_the_same(dora: SsoBrowser, acme: Any, lying_issuer: str) -> None:
    person = LinkedIdentity.objects.get().person
    add_totp(person)
    browser = SsoBrowser()
    response = browser.sign_in("acme")
    assert response["Location"].startswith("/accounts/2fa/authenticate/")
    assert browser.client.get("/o/acme/").status_code == 302
    browser.client.post("/accounts/2fa/authenticate/", {"code": code_now()})
    assert browser.client.get("/o/acme/").status_code == 200
    assert browser.client.get("/accounts/2fa/").status_code == 403, "and the session is limited still"


def test_signing_in_with_a_password_leaves_nothing_of_a_sign_in_that_was_given_up(
    dora: SsoBrowser, acme: Any, bob: Any
) -> None:
    """Somebody gives up at the second factor; then another person signs in, in the same browser."""
    add_totp(LinkedIdentity.objects.get().person)
    only_sso(acme)
    browser = SsoBrowser()
    browser.sign_in("acme")
    browser.client.post("/accounts/logout/")
    browser.client.post("/accounts/login/", {"login": "bob@acme.example", "password": PASSWORD})
    assert browser.client.get("/accounts/2fa/").status_code == 200
    assert browser.client.get("/o/acme/").status_code == 403


def test_an_old_state_of_the_provider_is_no_way_in(dora: SsoBrowser, acme: Any, lying_issuer: str) -> None:
    SsoProvider.objects.update(adds_members=False, default_role="owner")  # past the portal
    browser = SsoBrowser()
    assert code_on(browser.client.get(browser.start("acme"))) == "sso_settings_altered"


def test_a_fresh_sign_in_is_one_at_the_provider(dora: SsoBrowser, acme: Any, lying_issuer: str) -> None:
    """Somebody without a password proves again who they are where they sign in."""
    acme.memberships.filter(user__email="dora@acme.example").update(role="owner")
    session = dora.client.session
    records = session["account_authentication_methods"]
    session["account_authentication_methods"] = [record | {"at": 1.0} for record in records]
    session.save()
    form = {"name": "new.example"}
    again = dora.client.post("/o/acme/settings/sso/domains/add/", form)["Location"]
    assert again.startswith("/accounts/sso/again/?next=")
    assert dora.client.get(again).status_code == 200
    for auth_time, code in ((1_000_000_000, "sso_not_fresh"), (None, "sso_not_fresh")):
        tell(lying_issuer, "", email="dora@acme.example", auth_time=auth_time)
        assert code_on(finish(dora, again)) == code
    tell(lying_issuer, "", email="dora@acme.example")
    done = finish(dora, again)["Location"]
    assert done.startswith("/accounts/continue/?form=")
    assert 'value="new.example"' in dora.client.get(done).content.decode()
    assert dora.client.post("/o/acme/settings/sso/domains/add/", form)["Location"] == "/o/acme/settings/sso/"


def finish(browser: SsoBrowser, again: str) -> Any:
    """Sign in again at the provider; return the last page."""
    waiting = browser.client.post(again, {"next": parse_qs(urlsplit(again).query)["next"][0]})["Location"]
    browser.come_back(browser.go_to_provider(waiting))
    work()
    return browser.client.get(waiting)


def some_time_ago(client: Client) -> None:
    """Make everything that the person has proved in this browser so far an hour older."""
    session = client.session
    old = [record | {"at": record["at"] - 3600} for record in session["account_authentication_methods"]]
    session["account_authentication_methods"] = old
    session.save()


@pytest.mark.parametrize("auth_time", [1_000_000_000, None])
def test_a_provider_that_asks_nobody_is_no_fresh_sign_in(
    dora: SsoBrowser, acme: Any, lying_issuer: str, auth_time: int | None
) -> None:
    """Somebody finds the browser open. The provider still knows the person, and signs them in without a question."""
    acme.memberships.filter(user__email="dora@acme.example").update(role="owner")
    form = {"name": "new.example"}
    tell(lying_issuer, "", email="dora@acme.example", auth_time=auth_time)
    some_time_ago(dora.client)
    assert dora.sign_in("acme").status_code == 302
    assert dora.client.post("/o/acme/settings/sso/domains/add/", form)["Location"].startswith("/accounts/sso/again/")
    dora.client.post("/accounts/logout/")
    assert dora.sign_in("acme").status_code == 302
    assert dora.client.post("/o/acme/settings/sso/domains/add/", form)["Location"].startswith("/accounts/sso/again/")


def test_an_organizations_provider_says_nothing_of_the_account(
    dora: SsoBrowser, acme: Any, bob: Any, lying_issuer: str
) -> None:
    """Who runs the provider has a copy of the cookie of somebody's session, which began with a password."""
    browser = SsoBrowser()
    browser.client.post("/accounts/login/", {"login": "bob@acme.example", "password": PASSWORD})
    tell(lying_issuer, "", email="bob@acme.example", sub="bob")
    assert browser.client.post(browser.sign_in("acme")["Location"]).status_code == 302
    some_time_ago(browser.client)
    assert browser.sign_in("acme").status_code == 302, "fresh at the provider"
    acme.memberships.filter(user=bob).update(role="owner")
    added = browser.client.post("/o/acme/settings/sso/domains/add/", {"name": "new.example"})
    assert added["Location"] == "/o/acme/settings/sso/"
    for address in ("/accounts/password/change/", "/accounts/2fa/totp/activate/", "/accounts/profile/delete/"):
        asked = browser.client.get(address)["Location"]
        assert asked.startswith("/accounts/reauthenticate/"), address
        assert b"/accounts/sso/again/" not in browser.client.get(asked).content


def test_connecting_needs_a_fresh_sign_in(dora: SsoBrowser, acme: Any, bob: Any, lying_issuer: str) -> None:
    """A linked identity is a way in that outlives the session."""
    browser = SsoBrowser()
    browser.client.post("/accounts/login/", {"login": "bob@acme.example", "password": PASSWORD})
    tell(lying_issuer, "", email="bob@acme.example", sub="bob")
    connect = browser.sign_in("acme")["Location"]
    some_time_ago(browser.client)
    assert browser.client.post(connect)["Location"].startswith("/accounts/reauthenticate/")
    assert not LinkedIdentity.objects.filter(person=bob).exists()
    browser.client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert browser.client.post(connect).status_code == 302
    assert LinkedIdentity.objects.filter(person=bob).exists()
