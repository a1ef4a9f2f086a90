"""A node is sent only to manifests that the worker zone has signed for it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from groups.actions.lifecycle import start
from groups.models import Image, Instance, NodeManifest, NodeToken
from groups.nodes.manifest_signing import forget_unsigned, is_signed_for, publish_key, signature_for
from groups.nodes.manifests import digest_of, missing, prepare
from portal.operations.alerts import alerts
from portal.operations.workers import Queues
from portal.organizations.actions import create_organization
from registries.foundation.actor import CONSOLE
from tests.support.delivery_setup import NodeInHand, make_group, make_source, store_image

OTHER_BODY = json.dumps({"schemaVersion": 2, "layers": []}).encode()


@pytest.fixture
def globex(mallory: Any) -> Any:
    """Another organization."""
    return create_organization(slug="globex", name="Globex", owner=mallory, by=CONSOLE)


@pytest.fixture
def instance(group: Any, node: NodeInHand) -> Instance:
    """One that waits for its manifest."""
    start(group, by=CONSOLE)
    assert node.poll().json()["start"] == []
    return Instance.objects.get(node=node.row)


def planted(instance: Instance, **changed: Any) -> NodeManifest:
    """A manifest that a writer of the database made of the worker's."""
    made = prepare(instance.pk)
    assert made is not None
    NodeManifest.objects.filter(pk=made.pk).update(**changed)
    return NodeManifest.objects.get(pk=made.pk)


def test_the_node_is_sent_to_a_signed_one(instance: Instance, node: NodeInHand) -> None:
    made = prepare(instance.pk)
    assert made is not None
    assert prepare(instance.pk) == made
    assert node.poll().json()["start"][0]["image"].endswith(f"@{made.digest}")


@pytest.mark.parametrize(
    "changed",
    [
        {"digest": digest_of(OTHER_BODY), "body": OTHER_BODY},
        {"digest": digest_of(OTHER_BODY), "body": OTHER_BODY, "signature": ""},
        {"signature": ""},
        {"signature": "0" * 128},
        {"signature": "é"},
    ],
    ids=["another body", "without signature", "of the previous version", "another signature", "damaged"],
)
def test_what_somebody_wrote_is_deleted_and_made_again(
    instance: Instance, node: NodeInHand, changed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    planted(instance, **changed)

    assert node.poll().json()["start"] == []

    is_of_the_previous_version = changed.get("signature") == ""
    assert ("manifest_not_signed" in caplog.text) is not is_of_the_previous_version
    assert not NodeToken.objects.exists()
    assert list(missing()) == [instance]
    made = prepare(instance.pk)
    assert made is not None
    assert node.poll().json()["start"][0]["image"].endswith(f"@{made.digest}")


@pytest.mark.parametrize("changed", [{"body": OTHER_BODY}, {"signature": ""}, {"signature": "0" * 128}])
def test_a_worker_makes_it_again_too(instance: Instance, changed: dict[str, Any]) -> None:
    before = planted(instance, **changed)
    made = prepare(instance.pk)
    assert made is not None
    assert made.digest == digest_of(bytes(made.body)) != before.digest
    assert is_signed_for(Instance.objects.get(), made)


def test_an_inserted_manifest(instance: Instance, node: NodeInHand, image: Image) -> None:
    NodeManifest.objects.create(image=image, node=node.row, digest=digest_of(OTHER_BODY), body=OTHER_BODY)
    assert list(missing()) == [instance], "it counts as missing"
    assert node.poll().json()["start"] == []
    assert not NodeManifest.objects.exists()


def test_the_manifest_of_another_organizations_image(instance: Instance, node: NodeInHand, globex: Any) -> None:
    """The group is pointed at an image for which there is a good manifest: the node would run it for this one."""
    theirs = store_image(globex, make_source(b"theirs"))
    start(make_group(globex, theirs), by=CONSOLE)
    node.poll()
    made = [prepare(row.pk) for row in Instance.objects.filter(node=node.row)]
    assert None not in made
    group = instance.group
    type(group).objects.filter(pk=group.pk).update(image=theirs)
    Image.objects.filter(pk=theirs.pk).update(organization=group.organization)

    sent = [item["instance"] for item in node.poll().json()["start"]]

    assert str(instance.pk) not in sent


def test_a_newer_one_is_not_forgotten(instance: Instance) -> None:
    old = planted(instance, signature="")
    NodeManifest.objects.update(signature="0" * 128)
    forget_unsigned(old)
    assert NodeManifest.objects.exists()


def test_without_the_key_that_checks_nothing_is_deleted(
    instance: Instance, node: NodeInHand, settings: Settings, tmp_path: Path
) -> None:
    made = prepare(instance.pk)
    settings.PORTAL_KEY_DIR = shutil.copytree(settings.PORTAL_KEY_DIR, tmp_path / "keys")
    key = tmp_path / "keys" / "web" / "manifests.pub"
    kept = key.rename(tmp_path / "kept")
    assert node.poll().json()["start"] == []
    assert prepare(instance.pk) == made
    assert "manifest_key" in {alert.code for alert in alerts(Queues(answers=False))}
    kept.rename(key)
    assert len(node.poll().json()["start"]) == 1
    assert "manifest_key" not in {alert.code for alert in alerts(Queues(answers=False))}


def test_it_is_for_the_present_key_of_the_node(instance: Instance, other_node: NodeInHand, image: Image) -> None:
    made = prepare(instance.pk)
    assert made is not None
    instance = Instance.objects.select_related("group", "node").get()
    assert instance.node is not None
    assert is_signed_for(instance, made)
    assert made.signature == signature_for(image, instance.node, made.digest)
    instance.node.public_key = other_node.row.public_key
    assert not is_signed_for(instance, made)
    instance.node = other_node.row
    assert not is_signed_for(instance, made)
    instance.node = None
    assert not is_signed_for(instance, made)


def test_the_sweeper_publishes_the_key(settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert publish_key() == 0, "it is"
    settings.PORTAL_KEY_DIR = tmp_path
    assert publish_key() == 0
    assert "manifest_key_not_published" in caplog.text
    (tmp_path / "web").mkdir()
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "layers.key").write_bytes(b"1" * 32)
    settings.PORTAL_ZONE = "web"
    caplog.clear()
    assert publish_key() == 0
    assert not caplog.text, "it is the worker zone's to do"
    settings.PORTAL_ZONE = "worker"
    assert (publish_key(), publish_key()) == (1, 0)
