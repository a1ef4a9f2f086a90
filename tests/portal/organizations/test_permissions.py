"""The whole table: each address below `/o/`, for each role, a stranger and somebody signed out.

The addresses are read from the resolver, so one that is added without a row in `portal.organizations.permissions.PAGES`
fails here.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from groups.actions.checks import start_check
from groups.models import Failure, Instance, NodeToken
from portal.models import Role
from portal.notifications.webhooks import add
from portal.notifications.webhooks import test as send_test
from portal.organizations.api_keys import create_key
from portal.organizations.invitations import invite
from portal.organizations.permissions import PAGES
from portal.support import conversations
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from registries.oci.reference import parse
from tests.support.actors import acting
from tests.support.delivery_setup import make_node
from tests.support.pulls import make_credential, make_group

NOBODY = "00000000-0000-4000-8000-000000000000"
UNKNOWN = {"name": "nothing", "group": "nothing", "member": "0"}
ROLES = {"alice": Role.OWNER, "bob": Role.MEMBER, "carol": Role.VIEWER}


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


@pytest.fixture
def ids(acme: Any, project: Any, alice: Any) -> dict[str, dict[str, str]]:
    """One object of each kind at Acme: by app, the values of an address' arguments."""
    credential = make_credential(acme, "registry.example.com")
    group = make_group(project, "registry.example.com/team/app:1", credential=credential)
    node = make_node()
    instance = Instance.objects.create(group=group, node=node.row, state="running")
    token = NodeToken.objects.create(
        organization=acme, group=group, group_name=group.name, node_name="node-1", expires_at=timezone.now()
    )
    failure = Failure.objects.create(
        organization=acme, group=group, group_name=group.name, reference="x", registry="x", step="connect", code="x"
    )
    checked = start_check(
        organization_id=acme.pk, reference=parse("registry.example.com/team/app"), credential=None, by=CONSOLE
    )
    invited, _ = invite(acme, email="nina@acme.example", role="member", by=acting(alice))
    asked = conversations.ask(acme, by=acting(alice), kind="failure", failure=failure, message="Why?")
    key, _ = create_key(organization_id=acme.pk, name="ci", scope="read", by=acting(alice))
    hook, _ = add(acme, address="https://hooks.example.com/", kinds=["group.failed"], by=acting(alice))
    notice = send_test(hook, by=acting(alice))
    assert notice is not None
    own = {"org": acme.slug, "project": project.slug, "kind": "self_hosted"}
    return {
        "registries": own | dict.fromkeys(("pk", "id", "credential"), str(credential.pk)),
        "groups": own
        | dict.fromkeys(("name", "group"), group.name)
        | dict.fromkeys(("pk", "id", "failure"), str(failure.pk))
        | {"check": str(checked.pk), "instance": str(instance.pk), "token": str(token.pk)},
        "portal": own
        | {"member": str(acme.memberships.get(user=alice).pk), "invitation": str(invited.pk)}
        | {"webhook": str(hook.pk), "notice": str(notice.pk)}
        | {"key": str(key.pk), "asked": str(asked.pk)},
    }


def _url(name: str, ids: dict[str, dict[str, str]], /, **instead: str) -> str:
    values = ids[name.partition(":")[0]] | instead
    return reverse(name, kwargs={argument: values[argument] for argument in ADDRESSES[name]})


def test_each_address_has_a_row_and_each_row_an_address() -> None:
    assert set(ADDRESSES) == set(PAGES)


def test_each_address_names_its_organization() -> None:
    assert [name for name, arguments in ADDRESSES.items() if "org" not in arguments] == []


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", sorted(ADDRESSES))
class TestEachAddress:
    def test_signed_out(self, name: str, method: str, ids: Any) -> None:
        answer = getattr(Client(), method)(_url(name, ids))

        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/?next=/o/acme/")

    def test_stranger(self, name: str, method: str, ids: Any, mallory: Any, as_user: Any) -> None:
        browser = as_user(mallory)

        there = getattr(browser, method)(_url(name, ids))
        nowhere = getattr(browser, method)(_url(name, ids, org="no-such-organization"))

        assert there.status_code == nowhere.status_code == 404
        assert there.content == nowhere.content

    @pytest.mark.parametrize("who", ROLES)
    def test_role(
        self, name: str, method: str, who: str, ids: Any, as_user: Any, request: pytest.FixtureRequest
    ) -> None:
        browser = as_user(request.getfixturevalue(who))

        response = getattr(browser, method)(_url(name, ids))
        if response.streaming:
            response.getvalue()  # an export ends when it was sent

        status = response.status_code
        if ROLES[who].rank < PAGES[name].rank:
            assert status == 403
        else:
            assert status in (200, 302, 405, 409, 422)

    def test_staff_are_strangers_too(self, name: str, method: str, ids: Any, olga: Any, sam: Any, as_user: Any) -> None:
        for person in (olga, sam):
            assert getattr(as_user(person), method)(_url(name, ids)).status_code == 404


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", sorted(name for name, objects in OBJECTS.items() if objects))
def test_ids_of_another_organization(name: str, method: str, ids: Any, mallory: Any, as_user: Any) -> None:
    """What Acme has is not found below Umbrella, in the same words as what nobody has."""
    browser = as_user(mallory)
    nobodys = {each: UNKNOWN.get(each, NOBODY) for each in OBJECTS[name]}

    there = getattr(browser, method)(_url(name, ids, org="umbrella"))
    nowhere = getattr(browser, method)(_url(name, ids, org="umbrella", **nobodys))

    assert there.status_code == nowhere.status_code
    assert there.status_code in (404, 405)
    assert there.content == nowhere.content


@pytest.mark.parametrize("name", sorted(name for name, role in PAGES.items() if role != Role.VIEWER))
def test_whoever_left_does_nothing_more(name: str, ids: Any, acme: Any, bob: Any, as_user: Any) -> None:
    browser = as_user(bob)
    acme.memberships.filter(user=bob).delete()

    assert browser.post(_url(name, ids)).status_code == 404
    assert Credential.objects.get().is_live


def test_a_post_without_token_is_refused(ids: Any, bob: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")

    assert browser.post(_url("registries:destroy", ids)).status_code == 403
    assert Credential.objects.get().is_live
