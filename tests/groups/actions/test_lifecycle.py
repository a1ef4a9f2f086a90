"""What members do to a group, and what becomes of its image, instances and credential."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from groups.actions import lifecycle
from groups.models import ContainerGroup, Failure, Image, Instance, Node
from groups.rules.group_settings import NameTaken
from groups.rules.sealed_settings import open_environment
from groups.rules.states import Stale, move
from registries.foundation.actor import CONSOLE
from tests.support.pulls import make_credential, make_group

REFERENCE = "registry.example.com/team/app:1.0"
HOST = "registry.example.com"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Wake-ups that left."""
    calls: list[tuple[str, str]] = []
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda queue, function, row: calls.append((function, row)))
    return calls


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    """A pending group with a credential."""
    return make_group(project, REFERENCE, credential=make_credential(project.organization, HOST), replicas=3)


def stopped(group: ContainerGroup) -> ContainerGroup:
    return move(group, to="stopped")


def test_creating_queues_the_image_and_wakes_on_commit(
    project: Any, sent: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        group = make_group(project, REFERENCE, environment={"TOKEN": "canary-env"})
        assert sent == []

    assert (group.status, group.image.status) == ("pending", "queued")
    assert (group.image.registry, group.image.repository, group.image.version) == (HOST, "team/app", "1.0")
    assert sent == [("pull", str(group.image.pk))]
    assert b"canary-env" not in bytes(group.environment or b"")
    assert open_environment(group) == {"TOKEN": "canary-env"}


def test_a_name_is_taken_once_and_nothing_of_the_second_stays(group: ContainerGroup, project: Any) -> None:
    with pytest.raises(NameTaken):
        make_group(project, REFERENCE)

    assert Image.objects.count() == 1


def test_the_credential_may_live_as_long_as_the_pull_may_take(group: ContainerGroup) -> None:
    assert group.image.credential is not None
    group.image.credential.refresh_from_db()
    left = group.image.credential.deadline - timezone.now()
    assert timedelta(seconds=4400) < left <= timedelta(seconds=4500)


def test_starting_adds_the_instances_and_stopping_ends_them(group: ContainerGroup) -> None:
    stopped(group)

    lifecycle.start(group, by=CONSOLE)
    assert group.status == "deploying"
    assert list(group.instances.values_list("state", flat=True)) == ["allocating"] * 3
    node = Node.objects.create(name="n", public_key="k")
    Instance.objects.filter(pk=group.instances.first().pk).update(node=node)  # type: ignore[union-attr]

    lifecycle.stop(group, by=CONSOLE)
    assert group.status == "stopped"
    assert list(group.instances.values_list("state", "node")) == [("stopping", node.pk)]


def test_a_group_that_is_started_again_at_once_gets_instances_of_its_own(group: ContainerGroup) -> None:
    stopped(group)
    lifecycle.start(group, by=CONSOLE)
    node = Node.objects.create(name="n", public_key="k")
    Instance.objects.update(node=node, state="running")

    lifecycle.stop(group, by=CONSOLE)
    lifecycle.start(group, by=CONSOLE)

    states = sorted(group.instances.values_list("state", flat=True))
    assert states == ["allocating"] * 3 + ["stopping"] * 3


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        (lifecycle.start, {"stopped", "succeeded"}),
        (lifecycle.stop, {"deploying", "running"}),
        (partial(lifecycle.retry, credential=None), {"failed"}),
    ],
)
@pytest.mark.parametrize("status", ContainerGroup.Status.values)
def test_what_can_be_done_when(group: ContainerGroup, status: str, action: Any, allowed: set[str]) -> None:
    ContainerGroup.objects.update(status=status)
    group.refresh_from_db()

    if status in allowed:
        action(group, by=CONSOLE)
        return
    with pytest.raises(Stale):
        action(group, by=CONSOLE)
    assert ContainerGroup.objects.get().status == status
    assert not Instance.objects.exists()
    assert Image.objects.count() == 1


def test_retrying_pulls_the_same_reference_with_a_new_credential(group: ContainerGroup, project: Any) -> None:
    first = group.image
    move(group, to="failed")

    lifecycle.retry(group, credential=make_credential(project.organization, HOST), by=CONSOLE)

    assert group.status == "pending"
    assert group.image_id != first.pk
    assert (group.image.reference, group.image.status, group.image.attempt) == (REFERENCE, "queued", 0)


def test_deleting_takes_image_and_secret_and_leaves_the_record(group: ContainerGroup) -> None:
    credential = group.image.credential
    assert credential is not None
    Failure.objects.create(
        organization=group.organization, group=group, group_name="app", reference=REFERENCE, registry=HOST, step="size",
        code="image_too_large",
    )  # fmt: skip

    lifecycle.delete(group, by=CONSOLE)

    assert not ContainerGroup.objects.exists()
    assert not Image.objects.exists()
    credential.refresh_from_db()
    assert (credential.sealed, credential.destroyed_because) == (None, "settled")
    assert Failure.objects.get().group is None


def test_deleting_takes_the_image_that_the_group_has_by_then(group: ContainerGroup, project: Any) -> None:
    move(group, to="failed")
    seen_before = ContainerGroup.objects.select_related("image").get()
    credential = make_credential(project.organization, HOST)
    lifecycle.retry(group, credential=credential, by=CONSOLE)

    lifecycle.delete(seen_before, by=CONSOLE)

    assert not ContainerGroup.objects.exists()
    assert not Image.objects.exists()
    credential.refresh_from_db()
    assert not credential.is_live


def test_a_group_that_was_deleted_is_not_retried(group: ContainerGroup, project: Any) -> None:
    move(group, to="failed")
    seen_before = ContainerGroup.objects.get()
    lifecycle.delete(group, by=CONSOLE)

    with pytest.raises(Stale):
        lifecycle.retry(seen_before, credential=None, by=CONSOLE)
    lifecycle.delete(seen_before, by=CONSOLE)

    assert not Image.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_retrying_and_deleting_at_once_leaves_no_image_behind(project: Any, sent: list[Any]) -> None:
    for number in range(10):
        made = make_group(
            project, REFERENCE, name=f"group-{number}", credential=make_credential(project.organization, HOST)
        )
        move(made, to="failed")
        barrier = Barrier(2)
        again = make_credential(project.organization, HOST)

        def run(action: Any, group_id: Any = made.pk, barrier: Barrier = barrier) -> None:
            try:
                mine = ContainerGroup.objects.select_related("image").get(pk=group_id)
                barrier.wait()
                action(mine, by=CONSOLE)
            except Stale:
                pass
            finally:
                connection.close()

        retry = partial(lifecycle.retry, credential=again)
        threads = [Thread(target=run, args=(action,)) for action in (retry, lifecycle.delete)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert not ContainerGroup.objects.exists()
        assert not Image.objects.exists()


def test_a_credential_that_another_pull_waits_for_stays(group: ContainerGroup, project: Any) -> None:
    credential = group.image.credential
    other = make_group(project, REFERENCE, credential=credential, name="other")

    lifecycle.delete(group, by=CONSOLE)
    credential.refresh_from_db()  # type: ignore[union-attr]
    assert credential.is_live  # type: ignore[union-attr]

    lifecycle.delete(other, by=CONSOLE)
    credential.refresh_from_db()  # type: ignore[union-attr]
    assert not credential.is_live  # type: ignore[union-attr]
