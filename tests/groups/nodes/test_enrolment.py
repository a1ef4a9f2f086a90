"""Joining: once, with a key that can be used."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.utils import timezone

from groups.models import Enrolment, Node
from groups.nodes.enrolment import CodeRefused, NameInvalid, create_enrolment, enrol
from groups.nodes.keys import KeyUnsupported, read_public_key
from portal.models import Activity
from registries.foundation.actor import CONSOLE, Actor, ActorKind
from tests.support.delivery_setup import ec_key, private_pem, public_pem, rsa_key

pytestmark = pytest.mark.django_db


MACHINE = Actor(kind=ActorKind.NODE, name="", address="192.0.2.7")


def new_code(node_name: str) -> str:
    """A code of an operator's."""
    code, _ = create_enrolment(node_name, by=CONSOLE)
    return code


def post(**body: Any) -> Any:
    return Client().post("/node/v1/enrol", body, "application/json")


@pytest.mark.parametrize("key", [ec_key(), rsa_key()], ids=["P-256", "RSA"])
def test_a_code_is_traded_for_an_identity(key: Any) -> None:
    response = post(code=new_code("rack-7"), name="anything", public_key=public_pem(key))
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    node = Node.objects.get(pk=response.json()["node_id"])
    assert (node.name, node.public_key, node.status) == ("rack-7", public_pem(key), "active")
    enrolment = Enrolment.objects.get()
    assert enrolment.node == node
    assert enrolment.used_at is not None
    made, row = Activity.objects.select_related("text").order_by("pk")
    assert (made.action, made.target_kind, made.target_key) == ("enrolment.created", "enrolment", str(enrolment.pk))
    assert (row.action, row.target_kind, row.target_key) == ("node.enrolled", "node", str(node.pk))
    assert (row.actor_kind, row.actor_key, row.text.actor_name) == ("node", str(node.pk), "rack-7")
    assert (row.text.client_address, row.request_id) == ("127.0.0.1", response["X-Request-Id"])


def test_the_command_prints_the_code_alone_on_the_last_line() -> None:
    out = io.StringIO()
    call_command("create_enrolment", "rack-7", stdout=out)
    code = out.getvalue().strip().splitlines()[-1]
    assert code.startswith("dre_")
    assert post(code=code, name="x", public_key=public_pem(ec_key())).status_code == 200
    with pytest.raises(CommandError):
        call_command("create_enrolment", "rack\n7")


def test_codes_are_not_stored() -> None:
    code = new_code("rack-7")
    assert code[4:] not in str(list(Enrolment.objects.values()))
    lifetime = Enrolment.objects.get().expires_at - timezone.now()
    assert abs(lifetime - timedelta(hours=24)) < timedelta(seconds=20)


def test_codes_that_are_no_good_look_alike() -> None:
    used, expired = new_code("a"), new_code("b")
    enrol(used, "a", public_pem(ec_key()), by=MACHINE)
    Enrolment.objects.filter(node_name="b").update(expires_at=timezone.now() - timedelta(seconds=1))
    answers = set()
    for code in (used, expired, "dre_" + "A" * 43, "", "x" * 4000, "dre_é", used + "\n"):
        response = post(code=code, name="x", public_key=public_pem(ec_key()))
        answers.add((response.status_code, response.content))
        assert response["Content-Type"] == "application/problem+json"
    assert len(answers) == 1
    assert answers.pop()[0] == 401
    assert Node.objects.count() == 1
    assert Enrolment.objects.get(node_name="b").used_at is None
    Enrolment.objects.filter(node_name="b").update(expires_at=timezone.now() + timedelta(seconds=30))
    assert post(code=expired, name="x", public_key=public_pem(ec_key())).status_code == 200


@pytest.mark.parametrize(
    "public_key",
    [
        public_pem(rsa_key(2048)),
        public_pem(ec.generate_private_key(ec.SECP384R1())),
        ed25519.Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode(),
        private_pem(ec_key()).decode(),
        rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode(),
        "",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----" + "A" * 5000,
        "-----BEGIN PUBLIC KEY-----\x00é",
        # Of an algorithm that nobody knows, 1.2.3.4.
        "-----BEGIN PUBLIC KEY-----\nMAwwBQYDKgMEAwMAAAA=\n-----END PUBLIC KEY-----",
    ],
    ids=["RSA 2048", "P-384", "Ed25519", "private", "PKCS 1", "empty", "no key", "long", "odd", "unknown"],
)
def test_a_key_that_can_not_be_used_is_named_and_the_code_stays_good(public_key: str) -> None:
    code = new_code("rack-7")
    response = post(code=code, name="x", public_key=public_key)
    assert (response.status_code, response.json()["code"]) == (400, "key_unsupported")
    assert len(response.json()["detail"]) < 120
    assert post(code=code, name="x", public_key=public_pem(ec_key())).status_code == 200


def rsa_pem(bits: int, exponent: int = 65537) -> str:
    """A key of that size, which nobody has the private half of: making one takes seconds."""
    numbers = rsa.RSAPublicNumbers(exponent, (1 << (bits - 1)) + 12345)
    return numbers.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_which_keys_can_be_used() -> None:
    size, exponent = "3072 to 8192 bits", "the public exponent 65537"
    for bits, number, limit in (
        (3071, 65537, size),
        (8193, 65537, size),
        (3072, 3, exponent),
        (3072, 65539, exponent),
    ):
        with pytest.raises(KeyUnsupported, match=limit):
            read_public_key(rsa_pem(bits, number))
    for bits in (3072, 8192):
        key = read_public_key(rsa_pem(bits))
        assert (key.signs_with, key.wraps_with) == ("PS256", "RSA-OAEP-256")
    pem = public_pem(ec_key())
    key = read_public_key(pem + " " * (4096 - len(pem)))
    assert (key.pem, key.signs_with, key.wraps_with) == (pem, "ES256", "ECDH-ES+A256KW")
    assert read_public_key("\n  " + pem.replace("\n", "\r\n")).pem == pem, "kept in one form"
    with pytest.raises(KeyUnsupported):
        read_public_key(pem + " " * (4097 - len(pem)))


def test_a_machine_can_not_spend_anothers_code() -> None:
    """Nor does a name or a body of a machine's choosing count for anything."""
    first, second = new_code("a" * 63), new_code("rack-8")
    key = public_pem(ec_key())
    answer = Client(enforce_csrf_checks=True, REMOTE_ADDR="192.0.2.7").post(
        "/node/v1/enrol", {"code": second, "name": "x" * 63, "public_key": key}, "application/json"
    )
    assert answer.status_code == 200
    assert [row.used_at is None for row in Enrolment.objects.order_by("pk")] == [True, False]
    assert Node.objects.get().name == "rack-8"
    assert post(code=first, name="x", public_key=public_pem(ec_key())).status_code == 200
    assert sorted(Node.objects.values_list("name", flat=True)) == ["a" * 63, "rack-8"]


def test_how_large_a_body_may_be() -> None:
    body = json.dumps({"code": "x", "name": "x", "public_key": public_pem(ec_key())}).encode()
    for size, status in ((16 * 1024, 401), (16 * 1024 + 1, 413)):
        raw = body + b" " * (size - len(body))
        assert Client().post("/node/v1/enrol", raw, "application/json").status_code == status
        # Nothing is read of a body whose length is not declared, or is none.
        for length in ("", "many", "-1"):
            undeclared = Client().generic("POST", "/node/v1/enrol", raw, "application/json", CONTENT_LENGTH=length)
            assert undeclared.status_code == 400


@pytest.mark.parametrize("name", ["", "x" * 64, "a\nb", "a\x00", "<b>", " a", "‮a"])
def test_names_that_are_none(name: str) -> None:
    code = new_code("rack-7")
    assert post(code=code, name=name, public_key=public_pem(ec_key())).json()["code"] == "name_invalid"
    with pytest.raises(NameInvalid):
        create_enrolment(name, by=CONSOLE)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b'{"code":1,"name":"x","public_key":"y"}',
        b'{"code":"a","code":"b","name":"x","public_key":"y"}',
        b'{"code":null}',
        b"\xff\xfe",
        b"[" * 5000,
        b'{"code":' + b"1" * 5000 + b"}",
    ],
)
def test_bodies_that_are_none(body: bytes) -> None:
    response = Client().post("/node/v1/enrol", body, "application/json")
    assert (response.status_code, response.json()["code"]) == (400, "invalid")


def test_a_body_that_is_too_large() -> None:
    response = post(code="x" * 20_000)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert response.json()["detail"] == "Send at most 16 KiB."
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "options"])
@pytest.mark.parametrize("address", ["enrol", "poll", "nothing"])
def test_only_post(method: str, address: str) -> None:
    response = getattr(Client(), method)(f"/node/v1/{address}")
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert response["Cache-Control"] == "no-store"


def test_other_addresses() -> None:
    for address in ("/node/v1/", "/node/v1/enrol/", "/node/v1/%2e%2e/admin"):
        response = Client().post(address)
        assert response.json() == {
            "type": "about:blank",
            "title": "Not found",
            "status": 404,
            "code": "not_found",
            "detail": "The node API has /node/v1/enrol, /node/v1/poll and /node/v1/key.",
        }
        assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.django_db(transaction=True)
def test_of_many_who_use_a_code_at_once_one_joins() -> None:
    code, barrier = new_code("rack-7"), Barrier(20)
    results: list[Any] = []

    def join() -> None:
        try:
            key = public_pem(ec_key())
            barrier.wait()
            results.append(enrol(code, "x", key, by=MACHINE))
        except CodeRefused as error:
            results.append(error)
        finally:
            connection.close()

    threads = [Thread(target=join) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(result, Node) for result in results) == 1
    assert len(results) == 20
    assert Node.objects.count() == 1
