"""Layer keys at rest: they open in their own place, in the worker zone, and nowhere else."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pytest_django import Settings

from registries.foundation.ids import OrganizationId
from registries.secrets import keyring, layer_keys
from registries.secrets.keyring import KeyUnavailable

KEY = os.urandom(32)
ORGANIZATION, ANOTHER = OrganizationId(1), OrganizationId(2)


def test_a_key_comes_back() -> None:
    wrapped = layer_keys.wrap(KEY, organization_id=ORGANIZATION, digest="sha256:1")

    assert KEY not in wrapped
    assert layer_keys.unwrap(wrapped, organization_id=ORGANIZATION, digest="sha256:1") == KEY
    assert layer_keys.unwrap(memoryview(wrapped), organization_id=ORGANIZATION, digest="sha256:1") == KEY
    assert wrapped != layer_keys.wrap(KEY, organization_id=ORGANIZATION, digest="sha256:1")


def test_a_key_is_wrapped_as_rows_that_exist_are() -> None:
    wrapped = layer_keys.wrap(KEY, organization_id=ORGANIZATION, digest="sha256:1")

    assert AESGCM(keyring.layers_key()).decrypt(wrapped[:12], wrapped[12:], b"drayage layer key 1|1|sha256:1") == KEY


@pytest.mark.parametrize(("organization_id", "digest"), [(ANOTHER, "sha256:1"), (ORGANIZATION, "sha256:2")])
def test_it_does_not_open_in_another_place(organization_id: OrganizationId, digest: str) -> None:
    with pytest.raises(layer_keys.LayerKeyBroken):
        layer_keys.unwrap(
            layer_keys.wrap(KEY, organization_id=ORGANIZATION, digest="sha256:1"),
            organization_id=organization_id,
            digest=digest,
        )


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 60])
def test_what_is_damaged_does_not_open(damage: bytes) -> None:
    with pytest.raises(layer_keys.LayerKeyBroken):
        layer_keys.unwrap(damage, organization_id=ORGANIZATION, digest="sha256:1")


def test_the_web_zone_can_neither_wrap_nor_unwrap(settings: Settings) -> None:
    wrapped = layer_keys.wrap(KEY, organization_id=ORGANIZATION, digest="sha256:1")
    settings.PORTAL_ZONE = "web"

    with pytest.raises(KeyUnavailable):
        layer_keys.wrap(KEY, organization_id=ORGANIZATION, digest="sha256:1")
    with pytest.raises(KeyUnavailable):
        layer_keys.unwrap(wrapped, organization_id=ORGANIZATION, digest="sha256:1")
