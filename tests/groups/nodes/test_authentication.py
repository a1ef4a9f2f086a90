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
from django.core.cache import caches
from django.db.models import F
from django.test import Client
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from groups.models import Node
from groups.nodes.authentication import NotAuthenticated, authenticate, consume_call
from groups.nodes.liveness import remove
from registries.foundation.actor import CONSOLE
from tests.support.delivery_setup import NodeInHand, ec_key, make_node, public_pem, rsa_key

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


@pytest.mark.parametrize(("others", "is_let_in"), [(4, True), (5, False)])
def test_a_call_is_tried_five_times_beside_others(
    node: NodeInHand, monkeypatch: pytest.MonkeyPatch, others: int, is_let_in: bool
) -> None:
    taken = authenticate(f"Bearer {node.signed()}")
    left = iter(range(others))
    really = Node.refresh_from_db

    def other_call() -> None:
        if next(left, None) is not None:
            Node.objects.update(calls=F("calls") + 1)

    def refresh(self: Node, **options: Any) -> None:
        really(self, **options)
        other_call()

    monkeypatch.setattr(Node, "refresh_from_db", refresh)
    other_call()
    if is_let_in:
        consume_call(taken, cpu=7)
    else:
        with pytest.raises(NotAuthenticated):
            consume_call(taken, cpu=7)
    assert Node.objects.get().calls == others + is_let_in


def test_an_rsa_node_signs_with_ps256(db: None) -> None:
    node = make_node(key=rsa_key())
    token = node.signed()
    assert json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["alg"] == "PS256"
    assert call(f"Bearer {token}").status_code == 200


def test_each_call_is_good_once(node: NodeInHand) -> None:
    token = node.signed()
    assert [call(f"Bearer {token}").status_code for _ in range(3)] == [200, 401, 401]
    # A jti belongs to its node.
    other = make_node("other")
    assert call(f"Bearer {node.signed(jti='one')}").status_code == 200
    assert call(f"Bearer {other.signed(jti='one')}").status_code == 200
    assert call(f"Bearer {node.signed(jti='one')}").status_code == 401


def test_a_call_is_good_once_whoever_answers_it(node: NodeInHand) -> None:
    """What a process has in memory plays no part; nor does a body that couldn't be read."""
    token = node.signed()
    caches["node_calls"].clear()
    first, second = (authenticate(f"Bearer {token}") for _ in range(2))
    consume_call(first)
    with pytest.raises(NotAuthenticated):
        consume_call(second)
    with pytest.raises(NotAuthenticated):
        authenticate(f"Bearer {token}")
    unread = node.signed()
    headers = {"Authorization": f"Bearer {unread}"}
    statuses = [Client().post("/node/v1/poll", b"{", "application/json", headers=headers).status_code for _ in "12"]
    assert statuses == [400, 401]


def test_what_is_remembered_is_bounded(node: NodeInHand) -> None:
    for _ in range(3):
        assert call(f"Bearer {node.signed()}").status_code == 200
    node.row.refresh_from_db()
    assert len(node.row.recent_calls) == 3
    Node.objects.update(recent_calls=[])
    assert call(f"Bearer {node.signed(jti='one', exp=(until := int(time.time()) + 50))}").status_code == 200
    # Processes of another release read it, too.
    assert Node.objects.get().recent_calls == [[until + 6, "7692c3ad3540bb803c020b3a"]]
    past = [[int(time.time()) - 1, f"{number}"] for number in range(400)]
    Node.objects.update(recent_calls=past)
    assert call(f"Bearer {node.signed()}").status_code == 200
    node.row.refresh_from_db()
    assert len(node.row.recent_calls) == 1
    Node.objects.update(recent_calls=[[int(time.time()) + 50, f"{number}"] for number in range(400)])
    assert call(f"Bearer {node.signed()}").status_code == 401
    Node.objects.update(recent_calls=[[int(time.time()) + 50, f"{number}"] for number in range(399)])
    assert call(f"Bearer {node.signed()}").status_code == 200
    assert call(f"Bearer {node.signed()}").status_code == 401


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


@pytest.mark.parametrize("exp", [1_800_000_050, 1_800_000_050.9])
def test_a_call_is_remembered_for_as_long_as_its_token_is_good(node: NodeInHand, exp: float) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        used, unused = (f"Bearer {node.signed(exp=exp)}" for _ in range(2))
        assert call(used).status_code == 200
        clock.move_to(exp + 4.95)
        assert call(f"Bearer {node.signed()}").status_code == 200, "which forgets what it can"
        assert call(used).status_code == 401
        assert call(unused).status_code == 200, "it would still be good"
        clock.shift(0.1)
        assert call(f"Bearer {node.signed(exp=exp)}").status_code == 401
        clock.shift(2)
        assert call(f"Bearer {node.signed()}").status_code == 200
        node.row.refresh_from_db()
        assert [until > exp + 10 for until, _ in node.row.recent_calls] == [True, True], "the others are forgotten"


@pytest.mark.parametrize("what", ["removed", "another key", "deleted"])
def test_a_node_that_changes_between_reading_and_writing_does_nothing(node: NodeInHand, what: str) -> None:
    taken = authenticate(f"Bearer {node.signed()}")
    match what:
        case "removed":
            assert remove(node.row, by=CONSOLE)
        case "another key":
            Node.objects.update(public_key=public_pem(ec_key()))
        case "deleted":
            Node.objects.all().delete()
    before = list(Node.objects.values())
    with pytest.raises(NotAuthenticated):
        consume_call(taken, cpu=7)
    assert list(Node.objects.values()) == before


def test_calls_at_once_each_count(node: NodeInHand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process took another call in between: both are remembered. A node whose row never holds still is
    refused, and not let in unremembered. One machine with two names is two nodes."""
    other = make_node("other", key=load_pem_private_key(node.private_pem, None))
    tokens = [f"Bearer {node.signed()}" for _ in range(4)]
    first, second, third, fourth = (authenticate(token) for token in tokens)
    for one in (first, second):
        consume_call(one, cpu=3)
    node.row.refresh_from_db()
    assert (len(node.row.recent_calls), node.row.calls, node.row.cpu) == (2, 2, 3)
    assert [call(token).status_code for token in tokens[:2]] == [401, 401]
    with monkeypatch.context() as stale:
        stale.setattr(Node, "refresh_from_db", lambda *arguments, **options: None)
        with pytest.raises(NotAuthenticated):
            consume_call(third, cpu=5)
    node.row.refresh_from_db()
    assert (node.row.calls, node.row.cpu) == (2, 3)
    consume_call(fourth)
    other.row.refresh_from_db()
    assert (other.row.calls, other.row.recent_calls, other.row.cpu) == (0, [], 0)


def test_a_token_is_good_for_one_call_whichever_it_is(node: NodeInHand) -> None:
    for first, second in (("poll", "key"), ("key", "poll"), ("key", "key")):
        token = f"Bearer {node.signed()}"
        assert call(token, f"/node/v1/{first}").status_code == (200 if first == "poll" else 400)
        assert call(token, f"/node/v1/{second}").status_code == 401


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
