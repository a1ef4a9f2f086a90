"""Layer keys go to keys that a worker vouches for: what a thief writes into the rows of nodes gets him none."""

from __future__ import annotations

import json
import shutil
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from groups.models import ContainerGroup, Enrolment, Instance, Node, NodeManifest
from groups.nodes.enrolment import CodesElsewhere, create_enrolment, create_replacement, enrol
from groups.nodes.liveness import remove
from groups.nodes.manifests import NotThisOrganizations, prepare
from groups.nodes.vouching import STEP, KeyNotVouched, VouchingDelayed, vouch_enrolled, vouch_existing, vouched_key
from portal.models import Organization
from registries.foundation.actor import CONSOLE, Actor, ActorKind
from registries.foundation.ids import NodeId
from registries.secrets import ended, keyring, layer_keys, one_time
from registries.secrets.node_vouchers import Authority, Terms, code_of, has_call_mark, proof_of, voucher_of
from registries.secrets.one_time import Purpose
from tests.support.activity import recorded
from tests.support.delivery_setup import (
    NodeInHand,
    ec_key,
    make_group,
    next_key_proof,
    private_pem,
    public_pem,
    rsa_key,
)

MACHINE = Actor(kind=ActorKind.NODE, name="", address="192.0.2.7")


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path, db: None) -> Path:
    """The keys of the tests, in a folder of this test's own, where what has ended is noted."""
    settings.PORTAL_KEY_DIR = shutil.copytree(settings.PORTAL_KEY_DIR, tmp_path / "keys")
    return tmp_path / "keys"


def sql(statement: str, *values: Any) -> None:
    """Write to the database past the portal."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount == 1


def id_of(row: Any) -> str:
    return row.pk.hex if connection.vendor == "sqlite" else str(row.pk)


def change(node: Node, **columns: Any) -> Node:
    for column, value in columns.items():
        sql(f"UPDATE groups_node SET {column} = %s WHERE id = %s", value, id_of(node))
    return Node.objects.get(pk=node.pk)


def joined(name: str = "rack-7", key: Any = None) -> NodeInHand:
    """A node that has just enrolled, and that no worker has looked at."""
    key = key or ec_key()
    code, _ = create_enrolment(name, by=CONSOLE)
    return NodeInHand(enrol(code, name, public_pem(key), by=MACHINE), private_pem(key))


def present(node: NodeInHand, key: Any, **claims: Any) -> Any:
    body = {"public_key": public_pem(key), "proof": next_key_proof(node, public_pem(key), **claims)}
    return node.client.post(
        "/node/v1/key", body, "application/json", headers={"Authorization": f"Bearer {node.signed()}"}
    )


def now_has(node: NodeInHand, key: Any) -> NodeInHand:
    return NodeInHand(Node.objects.get(pk=node.row.pk), private_pem(key))


def refused(node: Node, why: str = "neither a code nor the previous key names it") -> None:
    with pytest.raises(KeyNotVouched, match=why):
        vouched_key(Node.objects.get(pk=node.pk))
    assert Node.objects.get(pk=node.pk).key_refused == why


class TestEnrolment:
    @pytest.mark.parametrize("key", [ec_key(), rsa_key()], ids=["P-256", "RSA"])
    def test_a_key_that_came_with_a_code_is_vouched_for(self, key: Any) -> None:
        node = joined(key=key)
        assert node.row.voucher == ""

        assert vouched_key(node.row).pem == public_pem(key)

        voucher = Node.objects.get().voucher
        assert voucher == voucher_of(node_id=node.row.pk, name="rack-7", public_key=public_pem(key))
        Enrolment.objects.all().delete()
        assert vouched_key(Node.objects.get()).pem == public_pem(key), "the voucher is enough from now on"

    def test_the_sweeper_vouches_for_it(self) -> None:
        joined()
        joined("rack-8")
        assert (vouch_enrolled(), vouch_enrolled()) == (2, 0)
        assert not Node.objects.filter(voucher="").exists()

    def test_the_web_zone_vouches_for_nothing(self, settings: Settings) -> None:
        node = joined()
        settings.PORTAL_ZONE = "web"
        assert vouch_enrolled() == 0
        with pytest.raises(keyring.KeyUnavailable):
            vouched_key(node.row)

    def test_a_code_of_the_admin_is_made_with_the_web_zones_key(self, settings: Settings) -> None:
        settings.PORTAL_ZONE = "web"
        node = joined()
        settings.PORTAL_ZONE = "worker"

        assert Enrolment.objects.get().authority == "web"
        assert vouched_key(node.row).pem == node.row.public_key

    def test_operators_can_allow_codes_of_the_worker_zone_alone(self, settings: Settings) -> None:
        settings.PORTAL_ZONE = "web"
        node, late = joined(), create_enrolment("late", by=CONSOLE)[0]
        settings.PORTAL_ENROL_IN_ADMIN = False
        with pytest.raises(CodesElsewhere):
            create_enrolment("rack-8", by=CONSOLE)
        with pytest.raises(CodesElsewhere):
            create_replacement(node.row, by=CONSOLE)
        settings.PORTAL_ZONE = "worker"

        refused(node.row)
        refused(enrol(late, "late", public_pem(ec_key()), by=MACHINE))
        assert vouched_key(joined("rack-9").row)

    def test_a_code_has_the_form_of_every_code(self) -> None:
        code, row = create_enrolment("rack-7", by=CONSOLE)
        assert one_time.has_form(code, "dre_")
        assert one_time.digest_of(code, Purpose.ENROLMENT) == row.code_hash
        terms = Terms(nonce=row.nonce, node_name="rack-7", node_id=None, expires_at=Enrolment.objects.get().expires_at)
        assert code_of(terms, Authority.WORKER, prefix="dre_") == code
        assert code_of(terms, Authority.WEB, prefix="dre_") != code

    def test_a_code_of_the_previous_version_enrols_nobody(self, client: Client) -> None:
        code = one_time.new("dre_")
        digest = one_time.digest_of(code, Purpose.ENROLMENT)
        Enrolment.objects.create(node_name="old", code_hash=digest, expires_at=timezone.now() + timedelta(hours=1))
        body = {"code": code, "name": "old", "public_key": public_pem(ec_key())}
        answer = client.post("/node/v1/enrol", body, "application/json")
        assert (answer.status_code, answer.json()["code"]) == (401, "code_refused")
        assert not Node.objects.exists()

    def test_a_worker_that_comes_a_day_too_late_does_not_vouch(self) -> None:
        node = joined()
        with time_machine.travel(timezone.now() + timedelta(hours=49)):
            refused(node.row)
        with time_machine.travel(timezone.now() + timedelta(hours=47)):
            assert vouched_key(Node.objects.get())
        assert Node.objects.get().key_refused == ""


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
        sql("UPDATE groups_enrolment SET node_id = %s WHERE id = %s", id_of(mine), row.pk)
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


class TestThePreviousVersion:
    def test_its_nodes_are_vouched_for_once(self, folder: Path) -> None:
        (folder / "worker" / f"{STEP}.done").unlink()
        known = [Node.objects.create(name=name, public_key=public_pem(ec_key())) for name in ("a", "b")]
        Node.objects.create(name="gone", public_key=public_pem(ec_key()), status="removed")

        assert vouch_existing() == 2

        assert all(vouched_key(Node.objects.get(pk=node.pk)) for node in known)
        assert all(
            has_call_mark(row.call_mark, node_id=row.pk, public_key=row.public_key)
            for row in Node.objects.exclude(status="removed")
        )
        late = Node.objects.create(name="late", public_key=public_pem(ec_key()))
        assert vouch_existing() == 0, "not even if the thief asks for it again"
        refused(late)

    def test_with_new_keys_there_is_nothing_to_vouch_for(self) -> None:
        node = Node.objects.create(name="a", public_key=public_pem(ec_key()))
        assert vouch_existing() == 0
        refused(node)


class TestManifests:
    @pytest.fixture
    def instance(self, acme: Organization, image: Any, node: NodeInHand) -> Instance:
        group = make_group(acme, image)
        made: Instance = Instance.objects.create(group=group, node=node.row, state="allocating")
        return made

    def test_a_vouched_node_gets_keys(self, instance: Instance) -> None:
        assert prepare(instance.pk) is not None

    def test_a_swapped_key_gets_none(self, instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        unwrapped: list[Any] = []
        monkeypatch.setattr(layer_keys, "unwrap", lambda *args, **kwargs: unwrapped.append(args))
        assert instance.node is not None
        change(instance.node, public_key=public_pem(ec_key()))

        assert prepare(instance.pk) is None

        assert unwrapped == []
        assert not NodeManifest.objects.exists()

    def test_an_inserted_node_gets_none(self, instance: Instance) -> None:
        thief = Node.objects.create(name="thief", public_key=public_pem(ec_key()))
        sql("UPDATE groups_instance SET node_id = %s WHERE id = %s", id_of(thief), id_of(instance))
        assert prepare(instance.pk) is None
        assert not NodeManifest.objects.exists()

    @pytest.mark.parametrize("moved", ["group", "image", "blob"])
    def test_a_layer_of_another_organization_is_given_to_none(
        self, instance: Instance, mallory: Any, moved: str
    ) -> None:
        """The thief's own organization and node, with one row of the other's pointed at."""
        umbrella = Organization.objects.get(slug="umbrella")
        table, row = {
            "group": ("groups_containergroup", id_of(instance.group)),
            "image": ("groups_image", id_of(instance.group.image)),
            "blob": ("groups_blob", instance.group.image.layers.get(position=0).blob_id),
        }[moved]
        sql(f"UPDATE {table} SET organization_id = %s WHERE id = %s", umbrella.pk, row)

        with pytest.raises(NotThisOrganizations):
            prepare(instance.pk)
        assert not NodeManifest.objects.exists()

    def test_nor_where_the_rows_agree_on_the_wrong_one(self, instance: Instance, mallory: Any) -> None:
        """The wrapped keys are bound to the organization that pulled."""
        umbrella = Organization.objects.get(slug="umbrella")
        ContainerGroup.objects.update(organization=umbrella)
        type(instance.group.image).objects.update(organization=umbrella)
        for layer in instance.group.image.layers.all():
            assert layer.blob is not None
            type(layer.blob).objects.filter(pk=layer.blob.pk).update(organization=umbrella)
        with pytest.raises(layer_keys.LayerKeyBroken):
            prepare(instance.pk)
