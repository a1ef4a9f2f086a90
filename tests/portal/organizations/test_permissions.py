"""Who may do what below `/o/`: each address, for each role, a stranger and somebody signed out.

The roles that are promised are written down in `tests/support/page_roles.py`. The addresses are read from the resolver,
so one that is added without a role fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django import DjangoDbBlocker

from portal.models import Organization, User
from portal.organizations import permissions
from registries.models import Credential
from tests.support.fresh_sign_ins import signed_in
from tests.support.one_of_each import one_of_each
from tests.support.page_roles import DEEDS, PROMISED, RANKS, READ_BY_POST
from tests.support.second_factors import add_totp

NOBODY = "00000000-0000-4000-8000-000000000000"
UNKNOWN = {"name": "nothing", "member": "0"}


def _addresses(resolver: URLResolver, prefix: str = "", names: tuple[str, ...] = ()) -> dict[str, set[str]]:
    """Names of all addresses below `/o/`, with the names of their arguments."""
    found: dict[str, set[str]] = {}
    for entry in resolver.url_patterns:
        route = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLResolver):
            found |= _addresses(entry, route, (*names, entry.namespace) if entry.namespace else names)
        elif isinstance(entry, URLPattern) and route.startswith("o/"):
            name = ":".join((*names, entry.name or ""))
            arguments = {each for each in ("org", "project") if f":{each}>" in route}
            found[name] = arguments | set(entry.pattern.converters)
    return found


ADDRESSES = _addresses(get_resolver())
OBJECTS = {name: arguments - {"org", "project", "kind"} for name, arguments in ADDRESSES.items()}
EACH_ADDRESS = pytest.mark.parametrize("name", sorted(ADDRESSES))


class Acme:
    """Acme with one object of each kind, and the people around it, each with a browser."""

    def __init__(self) -> None:
        people = {
            "alice": User.objects.create_user("alice@acme.example"),
            "anna": User.objects.create_user("anna@acme.example"),
            "bob": User.objects.create_user("bob@acme.example"),
            "carol": User.objects.create_user("carol@acme.example"),
            "mallory": User.objects.create_user("mallory@umbrella.example"),
            "sam": User.objects.create_user("sam@drayage.example", is_staff=True, is_support=True),
            "olga": User.objects.create_superuser("olga@drayage.example"),
        }
        for who in ("sam", "olga", "alice"):  # alice may require one only if she has one
            add_totp(people[who])
        self.organization = _organization("acme")
        roles = {"alice": "owner", "anna": "owner", "bob": "member", "carol": "viewer"}
        for who, role in roles.items():
            self.organization.memberships.create(user=people[who], role=role)
        _organization("umbrella").memberships.create(user=people["mallory"], role="owner")
        self.arguments = one_of_each(self.organization, people["alice"], people["bob"])
        self._cookies = {who: _session_of(person) for who, person in people.items()}
        self.people = people

    def url(self, name: str, /, **instead: str) -> str:
        """The address of one of Acme's objects."""
        values = self.arguments[name.partition(":")[0]] | self.arguments.get(name, {}) | instead
        url = reverse(name, kwargs={argument: values[argument] for argument in ADDRESSES[name]})
        return url if name != "portal:stop_sharing" else f"{url}?failure={self.arguments['groups']['failure']}"

    def browser(self, who: str) -> Client:
        """A browser in which this person is signed in."""
        client = Client()
        client.cookies[django_settings.SESSION_COOKIE_NAME] = self._cookies[who]
        return client


def _organization(slug: str) -> Organization:
    from groups.models import Quota

    organization = Organization.objects.create(slug=slug, name=slug.capitalize())
    Quota.objects.create(organization_id=organization.pk)
    organization.projects.create(slug="default", name="Default")
    return organization


def _session_of(person: User) -> str:
    return signed_in(person).cookies[django_settings.SESSION_COOKIE_NAME].value


@pytest.fixture(scope="module")
def _once(django_db_setup: None, django_db_blocker: DjangoDbBlocker, _keys: None) -> Iterator[Acme]:
    """Made once for all tests here, which return to it by their savepoints."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield Acme()
        transaction.set_rollback(True)


@pytest.fixture
def acme(_once: Acme, db: None) -> Acme:
    return _once


def sent(
    browser: Client, method: str, url: str, form: dict[str, object] | None = None
) -> tuple[HttpResponse, list[str]]:
    """The response, read to its end, and the statements that wrote something."""
    with CaptureQueriesContext(connection) as queries:
        response: Any = browser.post(url, form or {}) if method == "post" else browser.get(url)
        if response.streaming:
            response.getvalue()  # an export ends when it was sent
    wrote = [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    return response, wrote


def test_each_address_has_a_promised_role() -> None:
    """And support's permissions, which are for the admin, are none of them."""
    roles = dict(zip(RANKS, ("viewer", "member", "owner"), strict=True))
    assert set(ADDRESSES) == set(PROMISED)
    assert {name: roles[who] for name, who in PROMISED.items()} == permissions.PAGES
    given = permissions.SupportBackend().get_user_permissions
    support = {"is_active": True, "is_staff": True, "is_support": True}
    assert given(User(**support)) == {"groups.view_failure", "portal.view_supportrequest"}
    assert given(User(**support), Organization()) == given(AnonymousUser()) == set()
    for left_out in support:
        assert given(User(**support | {left_out: False}, is_superuser=True)) == set()
    assert given(User(**support)).isdisjoint(permissions.PAGES)


def test_each_address_names_its_organization() -> None:
    assert [name for name, arguments in ADDRESSES.items() if "org" not in arguments] == []


@EACH_ADDRESS
class TestEachAddress:
    def test_signed_out(self, name: str, acme: Acme) -> None:
        for method in ("get", "post"):
            response, wrote = sent(Client(), method, acme.url(name), DEEDS.get(name))

            assert response.status_code == 302
            assert response["Location"].startswith("/accounts/login/?next=/o/acme/")
            assert wrote == []

    def test_stranger(self, name: str, acme: Acme) -> None:
        browser = acme.browser("mallory")
        for method in ("get", "post"):
            there, wrote = sent(browser, method, acme.url(name), DEEDS.get(name))
            nowhere, _ = sent(browser, method, acme.url(name, org="no-such-organization"), DEEDS.get(name))

            assert there.status_code == nowhere.status_code == 404
            assert there.content == nowhere.content
            assert wrote == []

    def test_staff_are_strangers_too(self, name: str, acme: Acme) -> None:
        for who in ("olga", "sam"):
            for method in ("get", "post"):
                response, wrote = sent(acme.browser(who), method, acme.url(name), DEEDS.get(name))

                assert response.status_code == 404
                assert wrote == []

    def test_lower_roles(self, name: str, acme: Acme) -> None:
        for who in RANKS[: RANKS.index(PROMISED[name])]:
            for method in ("get", "post"):
                response, wrote = sent(acme.browser(who), method, acme.url(name), DEEDS.get(name))

                assert response.status_code == 403
                assert wrote == []

    def test_the_lowest_role_and_those_above_it(self, name: str, acme: Acme) -> None:
        for who in RANKS[RANKS.index(PROMISED[name]) :]:
            read, _ = sent(acme.browser(who), "get", acme.url(name))
            with transaction.atomic():
                done, wrote = sent(acme.browser(who), "post", acme.url(name), DEEDS.get(name))
                transaction.set_rollback(True)

            if name in DEEDS:
                assert done.status_code in (200, 302)
                assert wrote != []
            elif name in READ_BY_POST:
                assert (read.status_code, done.status_code, wrote) == (200, 200, [])
            else:
                assert (read.status_code, done.status_code) == (200, 405)


@pytest.mark.parametrize("name", sorted(name for name, objects in OBJECTS.items() if objects))
def test_ids_of_another_organization(name: str, acme: Acme) -> None:
    """What Acme has is not found below Umbrella, in the same words as what nobody has."""
    nobodys = {each: UNKNOWN.get(each, NOBODY) for each in OBJECTS[name]}
    for method in ("get", "post"):
        there, wrote = sent(acme.browser("mallory"), method, acme.url(name, org="umbrella"), DEEDS.get(name))
        nowhere, _ = sent(acme.browser("mallory"), method, acme.url(name, org="umbrella", **nobodys), DEEDS.get(name))

        assert there.status_code == nowhere.status_code
        assert there.status_code in (404, 405)
        assert there.content == nowhere.content
        assert wrote == []


@pytest.mark.parametrize("name", sorted(DEEDS))
def test_whoever_left_does_nothing_more(name: str, acme: Acme) -> None:
    acme.organization.memberships.filter(user=acme.people["anna"]).delete()

    response, wrote = sent(acme.browser("anna"), "post", acme.url(name), DEEDS[name])

    assert response.status_code == 404
    assert wrote == []


def test_a_post_without_token_is_refused(acme: Acme) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(acme.people["bob"], backend="django.contrib.auth.backends.ModelBackend")

    assert browser.post(acme.url("registries:destroy")).status_code == 403
    assert Credential.objects.get(pk=acme.arguments["registries"]["credential"]).is_live
