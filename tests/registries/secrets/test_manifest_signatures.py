"""Only the worker zone signs manifests, and a signature is for one organization, image, node, key and digest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from registries.foundation.ids import ImageId, NodeId, OrganizationId
from registries.secrets import keyring
from registries.secrets.manifest_signatures import SignedTerms, is_signed, sign

TERMS = SignedTerms(
    organization_id=OrganizationId(1),
    image_id=ImageId(UUID(int=2)),
    node_id=NodeId(UUID(int=3)),
    public_key="PEM",
    digest="sha256:4",
)


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.PORTAL_KEY_DIR = tmp_path
    keyring.create_missing()
    return tmp_path


def test_the_web_zone_checks_and_can_not_sign(settings: Settings) -> None:
    signature = sign(TERMS)
    settings.PORTAL_ZONE = "web"
    assert is_signed(signature, TERMS)
    with pytest.raises(keyring.KeyUnavailable):
        sign(TERMS)


@pytest.mark.parametrize(
    "changed",
    [
        {"organization_id": OrganizationId(2)},
        {"image_id": ImageId(UUID(int=3))},
        {"node_id": NodeId(UUID(int=2))},
        {"public_key": "PEMs"},
        {"public_key": "PEMsha256:4", "digest": ""},
        {"digest": "sha256:5"},
    ],
)
def test_it_is_for_nothing_else(changed: dict[str, Any]) -> None:
    assert not is_signed(sign(TERMS), replace(TERMS, **changed))


@pytest.mark.parametrize("signature", ["", "é", "0", "0" * 128, "x" * 128])
def test_what_is_no_signature(signature: str) -> None:
    assert not is_signed(signature, TERMS)


@pytest.mark.parametrize("content", [b"", b"\0" * 31, None])
def test_the_key_is_published_again(folder: Path, content: bytes | None) -> None:
    path, signature = folder / "web" / "manifests.pub", sign(TERMS)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert not is_signed(signature, TERMS)
    assert keyring.publish_manifest_key() == 1
    assert is_signed(signature, TERMS)
    assert keyring.publish_manifest_key() == 0
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_worker_zones_signature(folder: Path) -> None:
    signature = sign(TERMS)
    (folder / "worker" / "layers.key").write_bytes(b"1" * 32)
    assert keyring.publish_manifest_key() == 1
    assert not is_signed(signature, TERMS)
