"""Who is let in to the node API, and that all others hear the same."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.test import Client
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from groups.models import Node
from groups.nodes.authentication import NotAuthenticated, authenticate
from tests.support.delivery_setup import NodeInHand, make_node, public_pem, rsa_key

BODY = {"capacity": {"cpu": 1, "memory_mb": 1024, "gpu": ""}, "instances": []}


def call(authorization: str | None, address: str = "/node/v1/poll") -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    return Client().post(address, BODY, "application/json", headers=headers)


def b64(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def test_a_signed_call_is_let_in(node: NodeInHand) -> None:
    assert call(f"Bearer {node.signed()}").status_code == 200
    assert call(f"bearer {node.signed()}").status_code == 200
    node.row.refresh_from_db()
    assert node.row.last_seen_at is not None


def test_a_header_may_name_type_and_key(node: NodeInHand) -> None:
    """The algorithm and the key are the node's own whatever they say, as the claims are."""
    key = ECKey.import_key(node.private_pem)
    for header in ({}, {"typ": "JWT"}, {"typ": "at+jwt", "kid": "another"}):
        payload = node.signed().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        token = jws.serialize_compact({"alg": "ES256", **header}, json.dumps(claims), key, algorithms=["ES256"])
        assert call(f"Bearer {token}").status_code == 200, header


def test_an_rsa_node_signs_with_ps256(db: None) -> None:
    node = make_node(key=rsa_key())
    token = node.signed()
    assert json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["alg"] == "PS256"
    assert call(f"Bearer {token}").status_code == 200


def test_how_long_a_token_is_good(node: NodeInHand) -> None:
    """For a minute at most, with five seconds for a clock that differs, on either side."""
    now = 1_800_000_000
    with time_machine.travel(now, tick=False):
        for claims, status in (
            ({"exp": now + 65}, 200),
            ({"exp": now + 65.5}, 401),
            ({"exp": now - 4}, 200),
            ({"exp": now - 5}, 401),
            ({"nbf": now + 5, "iat": now + 5}, 200),
            ({"nbf": now + 6}, 401),
            ({"iat": now + 6}, 401),
            ({"nbf": "0"}, 401),
            ({"iat": None, "nbf": 0}, 200),
            ({"jti": "x" * 128}, 200),
            ({"jti": "y"}, 200),
            ({"aud": ["http://localhost:8000"]}, 200),
        ):
            assert call(f"Bearer {node.signed(**claims)}").status_code == status, claims


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 0},
        {"exp": int(time.time()) - 10},
        {"exp": int(time.time()) + 36_000},
        {"exp": 10**30},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 129},
        {"aud": None},
        {"aud": "https://elsewhere.example"},
        {"aud": ["http://localhost:8000", "https://elsewhere.example"]},
        {"aud": "http://localhost:8000/"},
        {"sub": None},
        {"sub": "00000000-0000-0000-0000-000000000000"},
        {"iss": None},
        {"iss": "00000000-0000-0000-0000-000000000000"},
        {"iss": "nobody"},
        {"iss": 7},
        {"iat": int(time.time()) + 36_000},
        {"nbf": int(time.time()) + 36_000},
    ],
    ids=",".join,
)
def test_claims_that_are_wrong(node: NodeInHand, claims: dict[str, Any]) -> None:
    refused(f"Bearer {node.signed(**claims)}")


def refused(authorization: str | None) -> None:
    response = call(authorization)
    absent = call(None)
    assert response.status_code == 401
    assert response.content == absent.content
    assert response.headers.items() - {("X-Request-Id", response["X-Request-Id"])} == absent.headers.items() - {
        ("X-Request-Id", absent["X-Request-Id"])
    }
    assert response["Content-Type"] == "application/problem+json"
    assert (response["Cache-Control"], response["WWW-Authenticate"]) == ("no-store", "Bearer")
    assert response.json()["code"] == "not_authenticated"


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic eDp5", "Bearer " + "A" * 100_000, "Bearer ..", "é"],
)
def test_headers_that_are_none(db: None, authorization: str) -> None:
    refused(authorization)


def test_two_headers_are_refused(node: NodeInHand) -> None:
    # This is what servers make of two headers of one name.
    refused(f"Bearer {node.signed()},Bearer {node.signed()}")
    refused(f"Bearer {node.signed()}, Bearer {node.signed()}")


def test_a_token_elsewhere_is_no_token(node: NodeInHand) -> None:
    assert call(None, f"/node/v1/poll?token={node.signed()}").status_code == 401
    assert call(None, f"/node/v1/poll?access_token={node.signed()}").status_code == 401


def test_a_removed_node_is_nobody(node: NodeInHand) -> None:
    Node.objects.update(status=Node.Status.REMOVED)
    refused(f"Bearer {node.signed()}")
    with pytest.raises(NotAuthenticated):
        authenticate(f"Bearer {node.signed()}")


def test_a_node_that_is_not_known(node: NodeInHand) -> None:
    token = node.signed()
    Node.objects.all().delete()
    refused(f"Bearer {token}")


def test_a_tampered_token_is_refused(node: NodeInHand, other_node: NodeInHand) -> None:
    header, payload, signature = node.signed().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    refused(f"Bearer {header}.{b64(claims | {'jti': 'another'})}.{signature}")
    refused(f"Bearer {header}.{payload}.{signature[:-2]}AA")
    refused(f"Bearer {other_node.signed(iss=str(node.row.pk), sub=str(node.row.pk))}")
    refused(f"Bearer {node.signed(iss=node.row.pk.hex)}")  # its id, in another spelling


def test_nothing_in_the_token_chooses_key_or_algorithm(node: NodeInHand) -> None:
    claims = json.loads(base64.urlsafe_b64decode(node.signed().split(".")[1] + "=="))
    none = f"{b64({'alg': 'none'})}.{b64(claims)}."
    refused(f"Bearer {none}")
    refused(f"Bearer {none}AA")
    # The public key, used as the secret of an HMAC.
    said = f"{b64({'alg': 'HS256'})}.{b64(claims)}"
    mac = hmac.digest(node.row.public_key.encode(), said.encode(), "sha256")
    swapped = f"{said}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    refused(f"Bearer {swapped}")
    # A key of the caller's own, brought along.
    own = ECKey.generate_key("P-256")
    for header in (
        {"jwk": own.as_dict(private=False)},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://e.example"},
    ):
        token = jwt.encode({"alg": "ES256", **header}, claims, own, algorithms=["ES256"])
        refused(f"Bearer {token}")
    # The node's own key, but with a header that would have another one looked up.
    mine = ECKey.import_key(node.private_pem)
    token = jwt.encode({"alg": "ES256", "jku": "https://evil.example/keys"}, claims, mine, algorithms=["ES256"])
    refused(f"Bearer {token}")


ODD_HEADERS = [
    b'{"alg":"ES256","crit":5}',
    b'{"alg":"ES256","crit":[{}]}',
    b'{"alg":"ES256","crit":["exp"]}',
    b'{"alg":"ES256","b64":false,"crit":["b64"]}',
    b'{"alg":"ES256","x5c":5}',
    b'{"alg":"ES256","jwk":{}}',
    b'{"alg":"ES256","typ":5}',
    b'{"alg":"ES256","kid":[{}]}',
    b'{"alg":"ES256","kid":"\\ud800"}',
    b'{"alg":"none","alg":"ES256"}',
    b'{"alg":["ES256"]}',
    b'{"alg":{}}',
    b'{"alg":5}',
    b'{"alg":null}',
    b'{"alg":"ES384"}',
    b'{"alg":"\xff"}',
    b"{}",
    b"[]",
    b'"x"',
    b"null",
    b"[" * 1400 + b"]" * 1400,
    b'{"a":' * 500 + b"1" + b"}" * 500,
]


@pytest.mark.parametrize("header", ODD_HEADERS, ids=lambda header: header[:30].decode("latin-1"))
def test_odd_headers_are_refused_as_all_else_is(node: NodeInHand, header: bytes) -> None:
    """Of a node that is there, with and without its signature, and of one that isn't."""
    _, payload, signature = node.signed().split(".")
    first = base64.urlsafe_b64encode(header).rstrip(b"=").decode()
    key = load_pem_private_key(node.private_pem, None)
    assert isinstance(key, EllipticCurvePrivateKey)
    r, s = decode_dss_signature(key.sign(f"{first}.{payload}".encode(), ECDSA(SHA256())))
    own = base64.urlsafe_b64encode(r.to_bytes(32) + s.to_bytes(32)).rstrip(b"=").decode()
    refused(f"Bearer {first}.{payload}.{own}")
    refused(f"Bearer {first}.{payload}.{signature}")
    Node.objects.all().delete()
    refused(f"Bearer {first}.{payload}.{own}")


def test_a_node_with_an_rsa_key_may_not_use_another_rsa_algorithm(db: None) -> None:
    key = rsa_key()
    node = make_node(key=key)
    claims = json.loads(base64.urlsafe_b64decode(node.signed().split(".")[1] + "=="))
    for algorithm in ("RS256", "PS512"):
        token = jwt.encode({"alg": algorithm}, claims, RSAKey.import_key(node.private_pem), algorithms=[algorithm])
        refused(f"Bearer {token}")
    assert public_pem(key) == node.row.public_key
