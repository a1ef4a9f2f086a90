"""What a thief writes into the rows of nodes gets him no layer keys."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from groups.models import Enrolment, Node
from groups.nodes import vouching
from groups.nodes.enrolment import create_enrolment, enrol
from groups.nodes.keys import NodeKey
from groups.nodes.liveness import remove
from groups.nodes.vouching import vouch_enrolled, vouched_key
from registries.foundation.actor import CONSOLE
from registries.foundation.ids import NodeId
from registries.secrets import one_time
from registries.secrets.node_vouchers import has_call_mark, proof_of, voucher_of
from registries.secrets.one_time import Purpose
from tests.support.activity import recorded
from tests.support.delivery_setup import (
    NodeInHand,
    ec_key,
    next_key_proof,
    private_pem,
    public_pem,
)
from tests.support.node_keys import MACHINE, change, joined, present, refused
from tests.support.raw_sql import key_of, sql

pytestmark = pytest.mark.usefixtures("folder")


class TestAThiefWritesTheDatabase:
    THIEF = public_pem(ec_key())

    def test_the_key_of_a_vouched_node_is_swapped(self) -> None:
        node = joined()
        vouch_enrolled()

        change(node.row, public_key=self.THIEF)

        refused(node.row)
        assert vouch_enrolled() == 0
        assert recorded(action="node.key_refused") == [
            ("Drayage", "node.key_refused", "rack-7", "neither a code nor the previous key names it")
        ], "once"
        change(node.row, public_key=node.row.public_key)
        assert vouched_key(Node.objects.get()).pem == node.row.public_key
        assert Node.objects.get().key_refused == ""

    def test_before_a_worker_has_looked_at_it(self) -> None:
        node = joined()
        change(node.row, public_key=self.THIEF)
        refused(node.row)

    @pytest.mark.parametrize("proof", ["", "0" * 64, "é", "a.b.c", "x" * 20_000])
    def test_with_a_proof_of_his_own(self, proof: str) -> None:
        node = joined()
        change(node.row, public_key=self.THIEF, key_proof=proof)
        refused(node.row)

    def test_a_code_that_never_expires(self) -> None:
        """Which stops neither the check nor the sweeper."""
        node, other = joined(), joined("rack-8")
        change(node.row, public_key=self.THIEF)
        last = "9999-12-31 23:59:59.999999"
        sql("UPDATE groups_enrolment SET expires_at = %s WHERE node_id = %s", last, key_of(node.row))
        assert vouch_enrolled() == 1
        assert vouched_key(Node.objects.get(pk=other.row.pk))
        refused(node.row)

    def test_what_nobody_foresaw_in_one_node_stops_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        node, _ = joined(), joined("rack-8")

        def check(row: Node) -> NodeKey:
            if row.pk == node.row.pk:
                raise UnicodeEncodeError("utf-8", "x", 0, 1, "a surrogate in a history")
            return vouched_key(row)

        monkeypatch.setattr(vouching, "vouched_key", check)
        assert vouch_enrolled() == 1

    def test_a_row_of_a_node_is_inserted(self) -> None:
        thief = Node.objects.create(name="rack-8", public_key=self.THIEF, voucher="0" * 64)
        refused(thief)
        refused(change(thief, voucher="é"))

    def test_an_enrolment_is_inserted_with_it(self) -> None:
        """With a code of the thief's, whose digest he stores; no key of a zone made it."""
        node = Node.objects.create(name="rack-8", public_key=self.THIEF)
        code = one_time.new("dre_")
        digest = one_time.digest_of(code, Purpose.ENROLMENT)
        for authority in ("worker", "web", "", "other"):
            Enrolment.objects.update_or_create(
                code_hash=digest,
                defaults={
                    "node_name": "rack-8", "node": node, "nonce": "00", "authority": authority,
                    "used_at": timezone.now(), "expires_at": timezone.now() + timedelta(hours=9),
                },
            )  # fmt: skip
            change(node, key_proof=proof_of(code, node_id=node.pk, public_key=self.THIEF))
            refused(node)

    def test_a_used_enrolment_is_opened_again_and_copied(self) -> None:
        """The proof of a code is for one node and one key."""
        node = joined()
        copy = Node.objects.create(name="rack-7", public_key=self.THIEF, key_proof=node.row.key_proof)
        Enrolment.objects.update(used_at=None, expires_at=timezone.now() + timedelta(days=9))
        Enrolment.objects.update(node=copy, used_at=timezone.now())
        refused(copy)

    def test_a_voucher_of_another_node_or_name(self) -> None:
        node, other = joined(), joined("rack-8")
        vouch_enrolled()
        other_row = Node.objects.get(pk=other.row.pk)
        for columns in (
            {"public_key": other_row.public_key, "voucher": other_row.voucher},
            {"voucher": other_row.voucher, "public_key": node.row.public_key, "key_proof": ""},
            {"voucher": voucher_of(node_id=node.row.pk, name="rack-7", public_key=node.row.public_key), "name": "x"},
        ):
            change(node.row, **columns)
            refused(node.row)

    @pytest.mark.parametrize("history", ["{}", '"x"', "[1]", '[{"public_key": 1}]', "[[]]", json.dumps([{}] * 9)])
    def test_the_history_is_damaged(self, history: str) -> None:
        node, other = joined(), joined("rack-8")
        change(node.row, public_key=self.THIEF, key_history=history)
        refused(node.row, "its history is damaged")
        assert vouch_enrolled() == 1, "other nodes don't wait"
        assert vouched_key(Node.objects.get(pk=other.row.pk))

    def test_a_history_in_which_the_nodes_key_names_his(self) -> None:
        """He puts the vouched key into the history, and signs with his own."""
        joined()
        vouch_enrolled()
        row, own = Node.objects.get(), ec_key()
        forged = next_key_proof(NodeInHand(Node(pk=row.pk, public_key=public_pem(own)), private_pem(own)), self.THIEF)
        history = [{"public_key": row.public_key, "proof": row.key_proof, "voucher": row.voucher}]
        change(row, public_key=self.THIEF, key_proof=forged, key_history=json.dumps(history), voucher="")
        refused(row)

    def test_a_removed_node_is_brought_back(self) -> None:
        node = joined()
        vouch_enrolled()
        remove(Node.objects.get(), by=CONSOLE)
        vouch_enrolled()

        change(node.row, status="active")

        refused(node.row, "it was replaced, or its node was removed")

    def test_a_replaced_key_is_put_back_with_its_voucher(self) -> None:
        """He has the disk of a machine whose key was replaced, and the row of an old backup."""
        node = joined()
        vouch_enrolled()
        old = Node.objects.get()
        assert present(node, ec_key()).status_code == 200
        assert vouch_enrolled() == 1
        assert Node.objects.get().key_history == []

        change(old, public_key=old.public_key, voucher=old.voucher, key_proof=old.key_proof)

        refused(old, "it was replaced, or its node was removed")

    def test_a_used_code_that_somebody_kept(self) -> None:
        """He found it in the history of the machine's shell."""
        code, row = create_enrolment("rack-7", by=CONSOLE)
        enrol(code, "rack-7", public_pem(ec_key()), by=MACHINE)
        vouch_enrolled()
        mine = Node.objects.create(id=NodeId(uuid.uuid4()), name="rack-7", public_key=self.THIEF)
        change(mine, key_proof=proof_of(code, node_id=mine.pk, public_key=self.THIEF))
        sql("UPDATE groups_enrolment SET node_id = %s WHERE id = %s", key_of(mine), row.pk)
        refused(mine)

    def test_a_code_for_a_new_node_of_the_same_name(self) -> None:
        """He may enrol a machine, and the operator chose a name that there is already."""
        node = joined()
        assert vouched_key(node.row)
        code, row = create_enrolment("rack-7", by=CONSOLE)
        change(
            node.row,
            public_key=self.THIEF,
            key_proof=proof_of(code, node_id=node.row.pk, public_key=self.THIEF),
            enrolled_at=timezone.now(),
        )
        Enrolment.objects.filter(pk=row.pk).update(node=node.row, used_at=timezone.now())
        refused(node.row)

    def test_the_sweeper_notes_whose_first_key_was_vouched_for_earlier(self, folder: Path) -> None:
        node = joined()
        vouched_key(node.row)
        note = folder / "worker" / "ended" / f"new-node-{node.row.pk}"
        note.unlink()
        vouch_enrolled()
        assert note.exists()

    def test_the_history_is_emptied_before_the_sweeper_comes(self) -> None:
        node = joined()
        vouch_enrolled()
        old = Node.objects.get()
        assert present(node, ec_key()).status_code == 200
        assert vouched_key(Node.objects.get())
        change(old, key_history="[]")
        vouch_enrolled()

        change(old, public_key=old.public_key, voucher=old.voucher, key_proof=old.key_proof)

        refused(old, "it was replaced, or its node was removed")

    def test_calls_with_a_replaced_key_that_is_put_back_with_its_mark(self) -> None:
        node = joined()
        vouched_key(node.row)
        old = Node.objects.get()
        assert present(node, ec_key()).status_code == 200
        vouched_key(Node.objects.get())
        change(old, public_key=old.public_key, call_mark=old.call_mark, voucher=old.voucher)
        assert has_call_mark(old.call_mark, node_id=old.pk, public_key=old.public_key)
        assert node.poll().status_code == 401

    def test_calls_of_a_removed_node_that_is_brought_back(self) -> None:
        node = joined()
        vouch_enrolled()
        remove(Node.objects.get(), by=CONSOLE)
        vouch_enrolled()
        change(node.row, status="active")
        assert node.poll().status_code == 401

    @pytest.mark.parametrize("nonce", ["../../layers.key", "é", "A" * 32])
    def test_the_nonce_of_a_code_is_damaged(self, nonce: str) -> None:
        node, other = joined(), joined("rack-8")
        Enrolment.objects.filter(node=node.row).update(nonce=nonce)
        assert vouch_enrolled() == 1, "other nodes don't wait"
        change(node.row, voucher="x")
        vouch_enrolled()
        refused(node.row)
        assert vouched_key(Node.objects.get(pk=other.row.pk))

    def test_calls_with_the_swapped_key_are_refused(self) -> None:
        """Else the thief would be given the environment of groups, which the web zone can read."""
        node, own = joined(), ec_key()
        assert node.poll().status_code == 200
        thief = NodeInHand(change(node.row, public_key=public_pem(own)), private_pem(own))
        assert thief.poll().status_code == 401
        for mark in ("", "é", "0" * 64, voucher_of(node_id=node.row.pk, name="rack-7", public_key=public_pem(own))):
            change(node.row, call_mark=mark)
            assert thief.poll().status_code == 401

    def test_calls_of_an_inserted_node_are_refused(self) -> None:
        own, known = ec_key(), joined().row
        for mark in ("", known.call_mark):
            row = Node.objects.create(name="rack-8", public_key=public_pem(own), call_mark=mark)
            assert NodeInHand(row, private_pem(own)).poll().status_code == 401

    @pytest.mark.parametrize(
        "pem", ["", "x", "-----BEGIN PUBLIC KEY-----", public_pem(ec_key()).replace("PUBLIC", "PRIVATE")]
    )
    def test_what_is_no_key(self, pem: str) -> None:
        node = joined()
        change(node.row, public_key=pem)
        refused(node.row, "it is not a key")
