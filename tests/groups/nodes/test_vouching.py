"""Layer keys go to keys that a worker vouches for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from groups.models import ContainerGroup, Enrolment, Instance, Node, NodeManifest
from groups.nodes.enrolment import CodesElsewhere, create_enrolment, create_replacement, enrol
from groups.nodes.manifests import NotThisOrganizations, prepare
from groups.nodes.vouching import STEP, vouch_enrolled, vouch_existing, vouched_key
from portal.models import Organization
from registries.foundation.actor import CONSOLE
from registries.secrets import keyring, layer_keys, one_time
from registries.secrets.node_vouchers import Authority, Terms, code_of, has_call_mark, voucher_of
from registries.secrets.one_time import Purpose
from tests.support.delivery_setup import (
    NodeInHand,
    ec_key,
    make_group,
    public_pem,
    rsa_key,
)
from tests.support.node_keys import MACHINE, change, joined, refused
from tests.support.raw_sql import key_of, sql

pytestmark = pytest.mark.usefixtures("folder")


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
        sql("UPDATE groups_instance SET node_id = %s WHERE id = %s", key_of(thief), key_of(instance))
        assert prepare(instance.pk) is None
        assert not NodeManifest.objects.exists()

    @pytest.mark.parametrize("moved", ["group", "image", "blob"])
    def test_a_layer_of_another_organization_is_given_to_none(
        self, instance: Instance, mallory: Any, moved: str
    ) -> None:
        """The thief's own organization and node, with one row of the other's pointed at."""
        umbrella = Organization.objects.get(slug="umbrella")
        table, row = {
            "group": ("groups_containergroup", key_of(instance.group)),
            "image": ("groups_image", key_of(instance.group.image)),
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
