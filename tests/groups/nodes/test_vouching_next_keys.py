"""A node changes its key: which one a worker vouches for."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from groups.models import Node
from groups.nodes.enrolment import create_replacement, enrol
from groups.nodes.vouching import VouchingDelayed, vouch_enrolled, vouched_key
from registries.foundation.actor import CONSOLE
from registries.secrets import ended
from tests.support.delivery_setup import (
    ec_key,
    next_key_proof,
    public_pem,
)
from tests.support.node_keys import MACHINE, joined, now_has, present

pytestmark = pytest.mark.usefixtures("folder")


class TestAnotherKey:
    def test_the_present_key_names_it(self) -> None:
        node, key = joined(), ec_key()
        vouch_enrolled()

        assert present(node, key).status_code == 200

        assert vouched_key(Node.objects.get()).pem == public_pem(key)

    def test_several_times_before_a_worker_looks(self) -> None:
        node, keys = joined(), [ec_key() for _ in range(3)]
        for key in keys:
            assert present(node, key).status_code == 200
            node = now_has(node, key)

        assert vouched_key(node.row).pem == public_pem(keys[-1])
        vouch_enrolled()
        assert Node.objects.get().key_history == []

    def test_not_endlessly(self) -> None:
        node = joined()
        for _ in range(8):
            key = ec_key()
            assert present(node, key).status_code == 200
            node = now_has(node, key)
        answer = present(node, ec_key())
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_keys")
        vouch_enrolled()
        assert present(now_has(node, key), ec_key()).status_code == 200

    def test_the_same_key_again_stays_vouched_for(self) -> None:
        key = ec_key()
        node = joined(key=key)
        vouch_enrolled()
        assert present(node, key).status_code == 200
        vouch_enrolled()
        assert vouched_key(Node.objects.get()).pem == public_pem(key)

    def test_back_and_forth_before_a_worker_looks(self) -> None:
        first, second = ec_key(), ec_key()
        node = joined(key=first)
        present(node, second)
        present(now_has(node, second), first)
        vouch_enrolled()
        assert vouched_key(Node.objects.get()).pem == public_pem(first)

    def test_where_workers_can_not_write_the_sweeper_vouches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As with compose, where the key folders of workers are read-only."""

        def refuse(*_: object) -> None:
            raise OSError(30, "Read-only file system")

        node, key = joined(), ec_key()
        with monkeypatch.context() as read_only:
            read_only.setattr(ended, "write_once", refuse)
            assert vouched_key(node.row), "a first key needs no note"
            assert present(node, key).status_code == 200
            with pytest.raises(VouchingDelayed):
                vouched_key(Node.objects.get())
        row = Node.objects.get()
        assert (row.voucher, row.key_refused) == ("", "")
        assert vouch_enrolled() == 1
        assert vouched_key(Node.objects.get()).pem == public_pem(key)

    def test_a_key_that_was_replaced_is_refused_when_it_is_presented(self) -> None:
        """Else no worker would ever encrypt to it, and the node would not know why."""
        first, second = ec_key(), ec_key()
        node = joined(key=first)
        vouch_enrolled()
        present(node, second)
        vouch_enrolled()

        answer = present(now_has(node, second), first)
        assert (answer.status_code, answer.json()["code"]) == (409, "key_replaced")

        code, _ = create_replacement(Node.objects.get(), by=CONSOLE)
        body = {"code": code, "name": "rack-7", "public_key": public_pem(first)}
        answer = node.client.post("/node/v1/enrol", body, "application/json")
        assert (answer.status_code, answer.json()["code"]) == (409, "key_replaced")
        assert Node.objects.get().public_key == public_pem(second)
        enrol(code, "rack-7", public_pem(ec_key()), by=MACHINE)
        assert vouch_enrolled() == 1

    def test_a_code_of_the_operators_names_it(self) -> None:
        """The machine has lost its key."""
        node, key = joined(), ec_key()
        vouch_enrolled()
        code, _ = create_replacement(Node.objects.get(), by=CONSOLE)
        enrol(code, "rack-7", public_pem(key), by=MACHINE)
        assert vouch_enrolled() == 1
        assert vouched_key(Node.objects.get()).pem == public_pem(key) != node.row.public_key

    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": str(uuid.uuid4())},
            {"aud": "https://elsewhere.example"},
            {"public_key": public_pem(ec_key())},
            {"public_key": None},
            {"public_key": "x"},
        ],
    )
    def test_a_statement_about_something_else(self, claims: dict[str, Any]) -> None:
        node = joined()
        answer = present(node, ec_key(), **claims)
        assert (answer.status_code, answer.json()["code"]) == (400, "proof_required")
        assert Node.objects.get().public_key == node.row.public_key

    @pytest.mark.parametrize("proof", [None, "", "x", "a.b.c", "a.b.c.d", "x" * 14_000])
    def test_no_statement(self, proof: str | None) -> None:
        """The present key stays good, and the call says what is missing."""
        node = joined()
        body = {"public_key": public_pem(ec_key())} | ({} if proof is None else {"proof": proof})
        answer = node.client.post(
            "/node/v1/key", body, "application/json", headers={"Authorization": f"Bearer {node.signed()}"}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "proof_required")
        assert node.poll().status_code == 200

    def test_a_statement_signs_no_call(self) -> None:
        node = joined()
        proof = next_key_proof(node, public_pem(ec_key()))
        answer = node.client.post("/node/v1/poll", {}, "application/json", headers={"Authorization": f"Bearer {proof}"})
        assert answer.status_code == 401
