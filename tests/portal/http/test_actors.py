"""The actor of a request: who asks, in which part of the portal, and from where."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from portal.http.actors import actor_of, actor_of_key
from portal.models import ApiKey
from registries.foundation.actor import ActorKind
from registries.foundation.requests import client_address


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("/o/acme/", ActorKind.PERSON, "sam@drayage.example"),
        ("/admin/desk/", ActorKind.SUPPORT, "sam@drayage.example"),
        ("/admin/groups/node/", ActorKind.OPERATOR, "Drayage"),
        ("/administration/", ActorKind.PERSON, "sam@drayage.example"),
    ],
)
def test_the_address_says_in_which_role_somebody_acts(sam: Any, path: str, kind: ActorKind, name: str) -> None:
    request = RequestFactory().get(path, REMOTE_ADDR="192.0.2.7")
    request.user = sam

    actor = actor_of(request)

    assert (actor.kind, actor.id, actor.name, actor.address) == (kind, str(sam.pk), name, "192.0.2.7")


@pytest.mark.parametrize("path", ["/accounts/login/", "/admin/login/"])
def test_whoever_is_not_signed_in_has_no_name(path: str) -> None:
    request = RequestFactory().get(path)
    request.user = AnonymousUser()

    assert (actor_of(request).kind, actor_of(request).id) == (ActorKind.ANONYMOUS, "")


def test_a_key_acts_under_its_name() -> None:
    actor = actor_of_key(RequestFactory().get("/api/public/"), ApiKey(name="ci"))

    assert (actor.kind, actor.name) == (ActorKind.API_KEY, "API key ci")


@pytest.mark.parametrize(
    ("sent", "address"), [("2001:DB8::7", "2001:db8::7"), ("", ""), ("unix:", ""), ("192.0.2.7, 10.0.0.1", "")]
)
def test_only_an_address_counts_as_one(sent: str, address: str) -> None:
    assert client_address(RequestFactory().get("/", REMOTE_ADDR=sent)) == address
