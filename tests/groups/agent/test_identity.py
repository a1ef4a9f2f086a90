"""The node's key and id, on disk and over restarts."""

from __future__ import annotations

import json
import time
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey

from groups.agent import identity
from groups.nodes.keys import read_public_key


def test_a_key_is_made_once_and_for_this_user_only(tmp_path: Path) -> None:
    first = identity.load(tmp_path / "node")
    second = identity.load(tmp_path / "node")
    assert first.public_key == second.public_key
    assert first.key_file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "node").stat().st_mode & 0o777 == 0o700
    assert first.key_file.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert [path.name for path in (tmp_path / "node").iterdir()] == ["node.key"]


def test_the_portal_takes_the_key(tmp_path: Path) -> None:
    assert read_public_key(identity.load(tmp_path).public_key).signs_with == "ES256"


def test_the_id_is_kept(tmp_path: Path) -> None:
    assert identity.load(tmp_path).node_id is None
    identity.load(tmp_path).joined("some-id", "https://portal.example")
    assert identity.load(tmp_path).node_id == "some-id"
    assert json.loads((tmp_path / "node.json").read_bytes())["portal"] == "https://portal.example"


def test_calls_are_signed_for_this_portal_and_this_minute(tmp_path: Path) -> None:
    me = identity.load(tmp_path).joined("some-id", "https://portal.example")
    tokens = [me.sign("https://portal.example") for _ in range(2)]
    claims = [jwt.decode(token, ECKey.import_key(me.public_key), algorithms=["ES256"]).claims for token in tokens]
    assert claims[0]["iss"] == claims[0]["sub"] == "some-id"
    assert claims[0]["aud"] == "https://portal.example"
    assert 0 < claims[0]["exp"] - time.time() <= 60
    assert claims[0]["jti"] != claims[1]["jti"]
