"""What actions on groups and nodes leave in the activity: one row for each thing done, and who did it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core import serializers
from django.db import transaction

from groups.actions import lifecycle, tokens
from groups.actions.update import GroupChanges, update
from groups.ingest import outcome
from groups.ingest.claim import claim
from groups.ingest.credential_hold import destroy_settled
from groups.models import ContainerGroup, Enrolment, Image, ImageCheck, Instance, Node, NodeToken, Occurrence
from groups.nodes.enrolment import create_enrolment, enrol
from groups.sweep import sweep
from portal.models import Activity
from registries.credential_rows import NewCredential
from registries.failures import AccessDenied, AuthenticationFailed
from registries.foundation.actor import CONSOLE, Actor, ActorKind
from registries.models import Credential
from registries.oci.reference import parse
from tests.support import failing_recorder
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.concurrency import at_once
from tests.support.delivery_setup import ec_key, public_pem
from tests.support.pulls import make_credential, make_group

pytestmark = pytest.mark.usefixtures("no_redis")
HOST = "registry.example.com"
IMAGE = f"{HOST}/team/app:1"
WRITTEN = (ContainerGroup, Image, Instance, Node, NodeToken, Enrolment, ImageCheck, Credential, Occurrence)


@pytest.fixture
def broken_recorder(settings: Any) -> Callable[[], None]:
    """From when it is called, nothing can be recorded."""

    def break_it() -> None:
        settings.ACTIVITY_RECORDER = failing_recorder.PATH

    return break_it


def rows() -> list[str]:
    """All that actions of groups may write."""
    return [serializers.serialize("json", model.objects.order_by("pk")) for model in WRITTEN]


def test_a_typed_credential_and_its_group_are_one_action_with_a_record_of_each(
    acme: Any, project: Any, alice: Any
) -> None:
    typed = NewCredential(provider="self_hosted", name="ci", host=HOST, values={"username": "u", "password": "p"})
    group = lifecycle.create(
        organization_id=acme.pk,
        project_id=project.pk,
        name="web",
        reference=parse(IMAGE),
        credential=typed,
        by=acting(alice),
    )

    assert group.created_by == alice
    assert group.image.credential is not None
    assert group.image.credential.created_by == alice
    assert recorded() == [
        (alice.email, "credential.added", "ci", HOST),
        (alice.email, "group.created", "web", IMAGE),
    ]
    row = Activity.objects.get(action="group.created")
    assert (row.target_kind, row.target_key) == ("group", str(group.pk))


def test_one_change_of_many_settings_is_one_record_without_a_value_of_the_environment(
    acme: Any, project: Any, bob: Any
) -> None:
    group = make_group(project, IMAGE, replicas=2, environment={"KEEP": "a", "OLD": "b"})
    changes = GroupChanges(
        options={"display_name": "Web", "logging": {"tcp": {"host": "logs.example.com", "token": "canary-token"}}},
        environment={"OLD": None, "NEW": "canary-value"},
        command=["--key=canary-command"],
        cpu=4,
        replicas=3,
    )

    update(group, changes, by=acting(bob))
    update(group, changes, by=acting(bob))

    row = Activity.objects.select_related("text").get(action="group.changed")
    text = row.text
    assert text.detail == "display_name, logging, command, cpu, environment, replicas 3"
    assert text.before == {"display_name": None, "cpu": 1, "replicas": 2}
    assert text.after == {"display_name": "Web", "cpu": 4, "replicas": 3, "environment": ["NEW", "OLD"]}


def test_nothing_is_recorded_where_nothing_changed(project: Any, bob: Any) -> None:
    group = make_group(project, IMAGE, replicas=2)
    ContainerGroup.objects.update(status="stopped")
    group.refresh_from_db()
    gone = ContainerGroup.objects.get(pk=group.pk)
    lifecycle.scale(group, 2, by=acting(bob))
    lifecycle.delete(group, by=acting(bob))
    lifecycle.delete(gone, by=acting(bob))

    assert [row[1] for row in recorded()] == ["group.created", "group.deleted"]


@pytest.mark.parametrize("well", [True, False])
def test_the_portal_records_the_credential_that_a_settled_pull_destroys(acme: Any, project: Any, well: bool) -> None:
    make_group(project, IMAGE, credential=make_credential(acme, HOST))
    held = claim(Image.objects.get().pk)
    assert held is not None

    if well:
        outcome.finish(held)
    else:
        outcome.fail(held, AuthenticationFailed(host=HOST), step="manifest")

    assert recorded(action="credential.destroyed") == [
        ("Drayage", "credential.destroyed", "registry", f"{HOST}, the pull ended")
    ]
    assert Activity.objects.get(action="credential.destroyed").actor_kind == ActorKind.PORTAL


def test_a_pull_whose_credential_can_not_be_recorded_is_not_settled(
    acme: Any, project: Any, broken_recorder: Callable[[], None]
) -> None:
    group = make_group(project, IMAGE, credential=make_credential(acme, HOST), autostart=True)
    held = claim(group.image_id)
    assert held is not None
    before = rows()
    broken_recorder()

    for end in (outcome.finish, lambda held: outcome.fail(held, AccessDenied(host=HOST), step="manifest")):
        with pytest.raises(failing_recorder.RecordingFailed), transaction.atomic():
            end(held)
        assert rows() == before


def test_the_sweep_records_what_settling_missed(acme: Any, project: Any) -> None:
    make_group(project, IMAGE, credential=make_credential(acme, HOST))
    Image.objects.update(status="failed")

    assert destroy_settled() == 1
    assert sweep(thorough=False)["credentials_destroyed"] == 0

    assert [row[3] for row in recorded(action="credential.destroyed")] == [f"{HOST}, the pull ended"]


@pytest.mark.django_db(transaction=True)
def test_pulls_with_one_credential_that_settle_at_once_destroy_it_once(acme: Any, project: Any) -> None:
    credential = make_credential(acme, HOST)
    groups = [make_group(project, IMAGE, name=f"app-{number}", credential=credential) for number in range(6)]
    held = [claim(group.image_id) for group in groups]
    failure = AuthenticationFailed(host=HOST)

    done = at_once(
        *(lambda mine=mine: outcome.finish(mine) for mine in held[:2]),
        *(lambda mine=mine: outcome.fail(mine, failure, step="manifest") for mine in held[2:4]),
        *(lambda group=group: lifecycle.delete(group, by=CONSOLE) for group in groups[4:]),
    )

    assert [result for result in done if isinstance(result, Exception)] == []
    assert not Credential.objects.get().is_live
    assert len(recorded(action="credential.destroyed")) == 1
    assert len(recorded(action="group.deleted")) == 2


def test_a_token_of_a_deleted_group_is_recorded_by_itself(acme: Any, project: Any, bob: Any) -> None:
    token = NodeToken.objects.create(
        token_hash="h",
        organization=acme,
        group_name="gone",
        node_name="node-1",
        manifest_digest="sha256:0",
        expires_at="2126-01-01T00:00:00Z",
    )

    assert tokens.revoke(token, by=acting(bob))
    assert not tokens.revoke(token, by=acting(bob))

    row = Activity.objects.get()
    assert (row.target_kind, row.target_key) == ("token", str(token.pk))


def test_nodes_are_recorded_in_the_chain_of_the_portal(olga: Any) -> None:
    code, made = create_enrolment("rack-7", by=acting(olga))
    machine = Actor(kind=ActorKind.NODE, name="", address="192.0.2.7")
    node = enrol(code, "anything", public_pem(ec_key()), by=machine)

    assert made.created_by == olga
    assert recorded(organization=None) == [
        (olga.email, "enrolment.created", "rack-7", ""),
        ("rack-7", "node.enrolled", "rack-7", ""),
    ]
    row = Activity.objects.select_related("text").get(action="node.enrolled")
    assert (row.actor_kind, row.actor_key, row.text.client_address) == (ActorKind.NODE, str(node.pk), "192.0.2.7")
