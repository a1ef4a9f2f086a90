"""Offers and confirmations are for exactly what they name."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from registries.secrets.sign_in_offers import confirmation_of, is_confirmed, offer_of, offered_host

PLACE: dict[str, Any] = {"organization_id": 1, "registry": "registry.git.example"}
CREDENTIAL: dict[str, Any] = {**PLACE, "credential_id": uuid.UUID(int=1)}
HOST = "git.example:8443"
OTHERS = {"organization_id": 2, "registry": "registry.example", "credential_id": uuid.UUID(int=2)}


def test_an_offer_names_its_host() -> None:
    offer = offer_of(HOST, **PLACE)
    assert offer.startswith(f"{HOST} ")
    assert offered_host(offer, **PLACE) == HOST


@pytest.mark.parametrize("changed", list(PLACE))
def test_it_is_for_one_organization_and_registry(changed: str) -> None:
    assert offered_host(offer_of(HOST, **PLACE), **PLACE | {changed: OTHERS[changed]}) == ""


@pytest.mark.parametrize("offer", ["", None, HOST, f"{HOST} ", " ", "é é", {"a": 1}, f"{HOST} {'A' * 43}"])
def test_what_is_no_offer_names_none(offer: object) -> None:
    assert offered_host(offer, **PLACE) == ""


@pytest.mark.parametrize("changed", list(CREDENTIAL))
def test_a_confirmation_is_for_one_credential(changed: str) -> None:
    mark = confirmation_of(HOST, **CREDENTIAL)
    assert is_confirmed(mark, HOST, **CREDENTIAL)
    assert not is_confirmed(mark, "git.example", **CREDENTIAL)
    assert not is_confirmed(mark, HOST, **CREDENTIAL | {changed: OTHERS[changed]})


def test_no_host_needs_no_mark_and_is_never_confirmed() -> None:
    assert confirmation_of("", **CREDENTIAL) == ""
    assert not is_confirmed("", "", **CREDENTIAL)


def test_an_offer_is_no_confirmation() -> None:
    assert not is_confirmed(offer_of(HOST, **PLACE).partition(" ")[2], HOST, **CREDENTIAL)
