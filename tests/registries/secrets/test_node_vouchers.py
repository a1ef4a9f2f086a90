"""Codes, proofs and vouchers of nodes: each is bound to everything that it is made of, and to its purpose."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pytest_django import Settings

from registries.foundation.ids import NodeId
from registries.secrets import keyring
from registries.secrets.node_vouchers import (
    Authority,
    Terms,
    available_authority,
    call_mark_of,
    code_of,
    fingerprint,
    has_call_mark,
    is_vouched,
    new_nonce,
    proof_of,
    proves,
    voucher_of,
)
from registries.secrets.one_time import has_form

ID, OTHER = NodeId(uuid.UUID(int=1)), NodeId(uuid.UUID(int=2))
TERMS = Terms(nonce="ab", node_name="rack-7", node_id=None, expires_at=datetime(2026, 11, 30, 12, 0, 0, 5, UTC))
KEY: dict[str, Any] = {"node_id": ID, "public_key": "pem"}


def code(terms: Terms = TERMS, authority: Authority = Authority.WORKER) -> str:
    return code_of(terms, authority, prefix="dre_")


def test_a_code_is_made_again_from_its_terms() -> None:
    assert code() == code(replace(TERMS))
    assert has_form(code(), "dre_")
    there = TERMS.expires_at.astimezone(timezone(timedelta(hours=-7)))
    assert code(replace(TERMS, expires_at=there)) == code()


@pytest.mark.parametrize(
    "terms",
    [
        {"nonce": "ac"},
        {"node_name": "rack-8"},
        {"node_id": ID},
        {"expires_at": TERMS.expires_at + timedelta(microseconds=1)},
        {"nonce": "abr", "node_name": "ack-7"},
    ],
)
def test_other_terms_make_another_code(terms: dict[str, Any]) -> None:
    assert code(replace(TERMS, **terms)) != code()


def test_each_zone_makes_its_own(settings: Settings) -> None:
    assert available_authority() == Authority.WORKER
    codes = {code(authority=authority) for authority in Authority}
    assert len(codes) == 2
    settings.PORTAL_ZONE = "web"
    assert available_authority() == Authority.WEB
    assert code(authority=Authority.WEB) in codes
    with pytest.raises(keyring.KeyUnavailable):
        code()


def test_nonces_differ() -> None:
    assert len({new_nonce() for _ in range(50)}) == 50


@pytest.mark.parametrize("changed", [{"node_id": OTHER}, {"public_key": "other"}])
def test_a_proof_is_of_one_node_and_key(changed: dict[str, Any]) -> None:
    proof = proof_of("dre_x", **KEY)
    assert proves(proof, "dre_x", **KEY)
    assert not proves(proof, "dre_y", **KEY)
    assert not proves(proof, "dre_x", **{**KEY, **changed})
    assert not proves("", "dre_x", **KEY)
    assert not proves("é", "dre_x", **KEY)


@pytest.mark.parametrize("changed", [{"node_id": OTHER}, {"public_key": "other"}, {"name": "rack-8"}])
def test_a_voucher_is_of_one_node_name_and_key(changed: dict[str, Any]) -> None:
    of = {**KEY, "name": "rack-7"}
    voucher = voucher_of(**of)
    assert is_vouched(voucher, **of)
    assert not is_vouched(voucher, **{**of, **changed})
    assert not is_vouched("", **of)


def test_the_web_zone_makes_no_voucher_and_checks_none(settings: Settings) -> None:
    settings.PORTAL_ZONE = "web"
    with pytest.raises(keyring.KeyUnavailable):
        voucher_of(name="rack-7", **KEY)


@pytest.mark.parametrize("changed", [{"node_id": OTHER}, {"public_key": "other"}])
def test_a_mark_of_the_web_zone_is_of_one_node_and_key(settings: Settings, changed: dict[str, Any]) -> None:
    settings.PORTAL_ZONE = "web"
    mark = call_mark_of(**KEY)
    assert has_call_mark(mark, **KEY)
    assert not has_call_mark(mark, **{**KEY, **changed})
    assert not has_call_mark("", **KEY)


def test_a_fingerprint_names_a_key_of_a_node() -> None:
    texts = {fingerprint(node_id=node, public_key=key) for node in (ID, OTHER) for key in ("a", "b")}
    assert len(texts) == 4
    assert {len(text) for text in texts} == {64}


def test_no_key_is_used_for_two_purposes() -> None:
    keys = [
        keyring.data_key(),
        keyring.layers_key(),
        keyring.voucher_key(),
        keyring.node_calls_key(),
        *(keyring.enrolment_key(zone) for zone in Authority),
    ]
    assert len(set(keys)) == len(keys)
