"""The rows that actions on a group write: every setting in its column, the pull's deadlines, and what is left."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.actions import lifecycle
from groups.actions.images import delete_image
from groups.models import Blob, ContainerGroup, Image, Instance, Node
from groups.rules.group_settings import NameTaken
from groups.rules.sealed_settings import open_environment, open_options
from groups.rules.states import Stale
from registries.credential_rows import NewCredential
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from registries.oci.reference import parse
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.pulls import SECRET, USER, make_blob, make_credential, make_group
from tests.support.quotas import set_quota
from tests.support.row_locks import row_locks

pytestmark = pytest.mark.usefixtures("no_redis")
HOST = "registry.example.com"
REFERENCE = f"{HOST}/team/app:1.0"


def put(group: ContainerGroup, status: str) -> ContainerGroup:
    """Put the group and its image into a state that they could be in."""
    images = {"pending": "queued", "failed": "failed"}
    ContainerGroup.objects.filter(pk=group.pk).update(status=status)
    Image.objects.filter(pk=group.image_id).update(status=images.get(status, "ready"))
    group.refresh_from_db()
    return group


def typed() -> NewCredential:
    return NewCredential(provider="self_hosted", name="typed", host=HOST, values={"username": USER, "password": SECRET})


def test_every_setting_is_in_its_column(acme: Any, project: Any, alice: Any) -> None:
    settings: dict[str, Any] = {
        "replicas": 7, "cpu": 3, "memory_mb": 2048, "gpu": "a100", "command": ["run", "--fast"],
        "restart_policy": "on_failure", "autostart": True,
    }  # fmt: skip

    made = lifecycle.create(
        organization_id=acme.pk, project_id=project.pk, name="web", reference=parse(REFERENCE), credential=None,
        environment={"A": "1"}, options={"priority": "high"}, by=acting(alice), **settings,
    )  # fmt: skip

    group = ContainerGroup.objects.get(pk=made.pk)
    assert (group.organization, group.project, group.name, group.created_by) == (acme, project, "web", alice)
    assert {name: getattr(group, name) for name in settings} == settings
    assert (open_environment(group), open_options(group)) == ({"A": "1"}, {"priority": "high"})
    assert (group.status, group.next_image, group.version) == ("pending", None, 1)
    assert recorded() == [(alice.email, "group.created", "web", REFERENCE)]


def test_without_further_settings(project: Any) -> None:
    made = lifecycle.create(
        organization_id=project.organization_id, project_id=project.pk, name="web", reference=parse(REFERENCE),
        credential=None, by=CONSOLE,
    )  # fmt: skip

    group = ContainerGroup.objects.get(pk=made.pk)
    assert (group.replicas, group.cpu, group.memory_mb, group.gpu, group.command) == (1, 1, 1024, "", [])
    assert (group.restart_policy, group.autostart) == ("always", False)
    assert (group.environment, group.options, group.created_by) == (None, None, None)


def test_a_name_is_taken_in_its_own_project_only(acme: Any, project: Any, mallory: Any) -> None:
    make_group(project, REFERENCE, name="web")
    make_group(acme.projects.create(slug="batch", name="Batch"), REFERENCE, name="web")
    make_group(mallory.organizations.get().projects.get(), REFERENCE, name="web")
    make_group(project, REFERENCE, name="web-2")

    with pytest.raises(NameTaken):
        lifecycle.create(
            organization_id=acme.pk, project_id=project.pk, name="web", reference=parse(REFERENCE), credential=typed(),
            by=CONSOLE,
        )  # fmt: skip
    assert (Image.objects.count(), Credential.objects.count()) == (4, 0)


@pytest.mark.parametrize("hold", ["pull", "hour"])
def test_what_a_pull_is_queued_with(acme: Any, project: Any, settings: Any, hold: str) -> None:
    settings.PORTAL_PLATFORM = "linux/arm64"
    settings.PORTAL_PULL_RETRY_SECONDS = 700
    credential, other = make_credential(acme, HOST, hold=hold), make_credential(acme, HOST)
    before, others = credential.deadline, other.deadline

    image = Image.objects.get(pk=make_group(project, REFERENCE, credential=credential).image_id)

    assert (image.organization, image.reference, image.registry) == (acme, REFERENCE, HOST)
    assert (image.repository, image.version, image.platform) == ("team/app", "1.0", "linux/arm64")
    assert (image.provider, image.credential, image.status) == ("self_hosted", credential, "queued")
    assert (image.attempt, image.not_before, image.lease) == (0, None, None)
    assert timedelta(seconds=690) < image.retry_until - timezone.now() <= timedelta(seconds=700)
    for row in (credential, other):
        row.refresh_from_db()
    left = credential.deadline - timezone.now()
    assert (
        timedelta(seconds=4290) < left <= timedelta(seconds=4300) if hold == "pull" else credential.deadline == before
    )
    assert other.deadline == others
    assert make_group(project, REFERENCE, name="public").image.provider == ""


def test_starting_forgets_how_the_replicas_ended(project: Any) -> None:
    group = put(make_group(project, REFERENCE, replicas=2), "succeeded")
    ContainerGroup.objects.update(succeeded_replicas=1, failed_replicas=1, last_exit_code=137)
    group.refresh_from_db()

    lifecycle.start(group, by=CONSOLE)

    group.refresh_from_db()
    assert (group.succeeded_replicas, group.failed_replicas, group.last_exit_code) == (0, 0, None)
    assert group.instances.count() == 2


def test_scaling_acts_at_once_only_while_the_group_is_active(project: Any, alice: Any) -> None:
    group = put(make_group(project, REFERENCE, replicas=2), "stopped")
    assert lifecycle.scale(group, 3, by=acting(alice)).replicas == 3
    assert not Instance.objects.exists()

    put(group, "running")
    lifecycle.scale(group, 4, by=acting(alice))
    assert group.instances.count() == 4
    lifecycle.scale(group, 4, by=acting(alice))

    changes = [row for row in recorded() if row[1] == "group.changed"]
    assert [row[3] for row in changes] == ["2 → 3 replicas", "3 → 4 replicas"]
    group.delete()
    with pytest.raises(Stale):
        lifecycle.scale(group, 5, by=CONSOLE)


def test_scaling_starts_from_the_number_that_the_group_has_by_now(project: Any, acme: Any) -> None:
    """Whatever the caller saw before."""
    group = put(make_group(project, REFERENCE, replicas=2), "stopped")
    long_ago = timezone.now() - timedelta(days=1)
    ContainerGroup.objects.update(replicas=9, changed_at=long_ago)
    set_quota(acme, max_replicas=10)

    assert lifecycle.scale(group, 10, by=CONSOLE).replicas == 10
    assert recorded()[-1][3] == "9 → 10 replicas"
    assert group.changed_at > long_ago


def test_retrying_with_a_typed_credential_stores_and_records_it(project: Any, alice: Any) -> None:
    group = put(make_group(project, REFERENCE), "failed")
    failed = group.image_id
    blob = make_blob(project.organization, image=group.image)

    lifecycle.retry(group, credential=typed(), by=acting(alice))

    credential = Credential.objects.get()
    assert (group.image.credential, credential.created_by) == (credential, alice)
    assert not Image.objects.filter(pk=failed).exists()
    assert [row[1:3] for row in recorded()[-2:]] == [("credential.added", "typed"), ("group.retried", "app")]
    blob.refresh_from_db()
    assert blob.unused_since is not None


def test_deleting_frees_the_blobs_that_nothing_else_uses(project: Any, mallory: Any, acme: Any) -> None:
    group, other = make_group(project, REFERENCE), make_group(project, REFERENCE, name="other")
    alone, shared = make_blob(acme, image=group.image), make_blob(acme, image=group.image)
    other.image.layers.create(position=0, media_type="layer", digest="sha256:0", size=1, blob=shared)
    node = Node.objects.create(name="n", public_key="k")
    Instance.objects.create(group=group, state="running", node=node)

    lifecycle.delete(group, by=CONSOLE)

    assert list(Blob.objects.used()) == [shared]
    assert Blob.objects.filter(pk=alone.pk).exists(), "it has its grace period"
    assert list(ContainerGroup.objects.all()) == [other]
    assert list(Image.objects.all()) == [other.image]


@pytest.mark.parametrize(("status", "done"), [("queued", True), ("ready", False)])
def test_an_operator_requeues_one_pull_only(project: Any, status: str, done: bool) -> None:
    later = timezone.now() + timedelta(hours=1)
    group, other = make_group(project, REFERENCE), make_group(project, REFERENCE, name="other")
    Image.objects.update(not_before=later)
    Image.objects.filter(pk=group.image_id).update(status=status)
    image = Image.objects.get(pk=group.image_id)

    assert lifecycle.requeue(image, by=CONSOLE) == done

    image.refresh_from_db()
    assert image.not_before == (None if done else later)
    assert Image.objects.get(pk=other.image_id).not_before == later
    assert [row[1] for row in recorded(action="group.requeued")] == ["group.requeued"] * done


def test_an_operator_does_not_requeue_what_a_worker_took_in_between(project: Any) -> None:
    image = make_group(project, REFERENCE).image
    later = timezone.now() + timedelta(hours=1)
    Image.objects.update(status="pulling", not_before=later)

    assert not lifecycle.requeue(image, by=CONSOLE)

    assert Image.objects.get().not_before == later
    assert recorded(action="group.requeued") == []


def test_an_operator_does_not_requeue_a_failed_image_of_a_group_that_has_not_failed(project: Any) -> None:
    group = put(make_group(project, REFERENCE), "stopped")
    Image.objects.update(status="failed")

    assert not lifecycle.requeue(Image.objects.get(), by=CONSOLE)

    group.refresh_from_db()
    assert (group.status, Image.objects.get().status) == ("stopped", "failed")


def test_an_image_is_deleted_when_it_is_old_and_nothing_uses_it(project: Any, acme: Any) -> None:
    hour = timedelta(hours=1)
    credential = make_credential(acme, HOST)
    group = make_group(project, REFERENCE, credential=credential)
    waiting = make_group(project, REFERENCE, name="waiting")
    unused, awaited = group.image, waiting.image
    blob = make_blob(acme, image=unused)
    Image.objects.update(created_at=timezone.now() - timedelta(seconds=3601))
    other = make_group(project, REFERENCE, name="other")
    for row in (group, waiting):
        ContainerGroup.objects.filter(pk=row.pk).update(image=other.image)
    ContainerGroup.objects.filter(pk=waiting.pk).update(next_image=awaited)

    assert not delete_image(awaited.pk, older_than=hour), "a group waits for it"
    assert not delete_image(other.image_id, older_than=hour), "groups have it"
    assert not delete_image(unused.pk, older_than=timedelta(seconds=3660)), "it is too young"
    with row_locks() as tables:
        assert delete_image(unused.pk, older_than=hour)
    assert tables[:2] == ["groups_image", "registries_credential"]
    assert not delete_image(unused.pk, older_than=hour)

    assert set(Image.objects.all()) == {awaited, other.image}
    credential.refresh_from_db()
    blob.refresh_from_db()
    assert (credential.sealed, credential.destroyed_because) == (None, "settled")
    assert blob.unused_since is not None
    assert recorded(action="credential.destroyed")[-1][2] == "registry"
