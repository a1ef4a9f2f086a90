"""What proves to the worker zone that a node was enrolled, and by what it recognizes the node's key afterwards.

    code     made from the terms of an enrolment with a key of the zone that creates it; only a digest is stored
    proof    HMAC-SHA256 of the node's id and public key, with the code as key; made when the code is presented
    voucher  HMAC-SHA256 of the node's id, name and public key, with a key of the worker zone
    mark     HMAC-SHA256 of the node's id and public key, with a key of the web zone, which accepts calls by it

A worker makes the code again from the row of the enrolment, so it can check a proof without the code being stored. A
writer of the database knows neither the codes nor the keys, so nothing that he writes becomes a voucher.

A code of the worker zone is made by a command where the worker's keys are. The admin runs in the web zone, and makes
codes with a key of the web zone: whoever holds that can enrol nodes, as the web zone can.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from registries.foundation.ids import NodeId
from registries.secrets import keyring

NONCE_BYTES = 16
_Field: TypeAlias = "str | UUID"


class Authority(StrEnum):
    """The zone whose key made a code."""

    WORKER = "worker"
    WEB = "web"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a code is for. `node_id` is the node whose key is replaced, None for a new node."""

    nonce: str
    node_name: str
    node_id: NodeId | None
    expires_at: datetime


def new_nonce() -> str:
    """Return what makes the code of one enrolment differ from every other."""
    return secrets.token_hex(NONCE_BYTES)


def available_authority() -> Authority:
    """Return the worker zone where its keys are, else the web zone."""
    try:
        keyring.enrolment_key(Authority.WORKER)
    except (keyring.KeyUnavailable, OSError):
        return Authority.WEB
    return Authority.WORKER


def code_of(terms: Terms, authority: Authority, *, prefix: str) -> str:
    """Return the code of an enrolment: `prefix` and 43 base64url characters, as `registries.secrets.one_time` makes
    them. Raises `keyring.KeyUnavailable`."""
    moment = terms.expires_at.astimezone(UTC).isoformat()
    whole = _mac(
        keyring.enrolment_key(authority), "code", terms.nonce, terms.node_name, str(terms.node_id or ""), moment
    )
    return prefix + base64.urlsafe_b64encode(whole).decode().rstrip("=")


def proof_of(code: str, *, node_id: NodeId, public_key: str) -> str:
    """Return the proof that the code was presented with this key, 64 hex digits. `public_key` is a canonical PEM."""
    return _mac(code.encode(), "proof", node_id, public_key).hex()


def proves(proof: str, code: str, *, node_id: NodeId, public_key: str) -> bool:
    """Whether `proof_of` made the proof from these."""
    return _is_same(proof_of(code, node_id=node_id, public_key=public_key), proof)


def voucher_of(*, node_id: NodeId, name: str, public_key: str) -> str:
    """Return the worker zone's voucher for the key, 64 hex digits. Raises `keyring.KeyUnavailable`."""
    return _mac(keyring.voucher_key(), "voucher", node_id, name, public_key).hex()


def is_vouched(voucher: str, *, node_id: NodeId, name: str, public_key: str) -> bool:
    """Whether `voucher_of` made the voucher from these. Raises `keyring.KeyUnavailable`."""
    return _is_same(voucher_of(node_id=node_id, name=name, public_key=public_key), voucher)


def call_mark_of(*, node_id: NodeId, public_key: str) -> str:
    """Return the web zone's mark of a key that it has accepted, 64 hex digits. Raises `keyring.KeyUnavailable`."""
    return _mac(keyring.node_calls_key(), "call mark", node_id, public_key).hex()


def has_call_mark(mark: str, *, node_id: NodeId, public_key: str) -> bool:
    """Whether `call_mark_of` made the mark from these. Raises `keyring.KeyUnavailable`."""
    return _is_same(call_mark_of(node_id=node_id, public_key=public_key), mark)


def fingerprint(*, node_id: NodeId, public_key: str) -> str:
    """Return what names a key of a node in `registries.secrets.ended`, 64 hex digits."""
    return hashlib.sha256(f"{node_id}|{public_key}".encode()).hexdigest()


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _mac(key: bytes, purpose: str, *fields: _Field) -> bytes:
    """HMAC-SHA256 of the fields, each preceded by its length, so that no two lists of fields are alike."""
    parts = [f"drayage node {purpose} 1", *map(str, fields)]
    message = b"".join(len(part).to_bytes(4) + part for part in (text.encode() for text in parts))
    return hmac.digest(key, message, "sha256")
