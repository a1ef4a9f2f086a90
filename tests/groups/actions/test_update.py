"""Another image for a group: pulled first, then taken over; what happens to whatever was before."""

from __future__ import annotations

from typing import Any

import pytest

from groups.actions import lifecycle
from groups.actions.update import GroupChanges, update
from groups.ingest import outcome
from groups.ingest.claim import claim
from groups.models import ContainerGroup, Failure, Image, Instance
from groups.queries.etags import group_version
from groups.rules.states import Stale, move
from groups.sweep import remove_images
from registries.failures import ImageNotFound
from registries.foundation.actor import CONSOLE
from registries.oci.reference import parse
from tests.support.pulls import make_credential, make_group

OLD = "registry.example.com/team/app:1"
NEW = "registry.example.com/team/app:2"


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    """Running, with two instances."""
    group = make_group(project, OLD, replicas=2)
    Image.objects.update(status="ready")
    move(group, to="stopped")
    return lifecycle.start(group, by=CONSOLE)


def replaced(group: ContainerGroup, credential: Any = None) -> Image:
    update(group, GroupChanges(reference=parse(NEW), credential=credential), by=CONSOLE)
    assert group.next_image is not None
    return group.next_image


def test_instances_run_until_the_new_image_is_ready(group: ContainerGroup) -> None:
    before = set(Instance.objects.values_list("pk", flat=True))
    image = replaced(group)
    assert set(Instance.objects.values_list("pk", flat=True)) == before

    held = claim(image.pk)
    assert held is not None
    outcome.finish(held)

    group.refresh_from_db()
    assert (group.image_id, group.next_image_id, group.version, group.status) == (image.pk, None, 2, "deploying")
    assert Instance.objects.count() == 2
    assert not before & set(Instance.objects.values_list("pk", flat=True))


def test_one_that_can_not_be_pulled_changes_nothing(group: ContainerGroup) -> None:
    credential = make_credential(group.organization, "registry.example.com")
    image = replaced(group, credential)
    held = claim(image.pk)
    assert held is not None
    outcome.fail(
        held, ImageNotFound(registry="registry.example.com", repository="team/app", version="2"), step="manifest"
    )

    group.refresh_from_db()
    assert (group.status, group.image.reference, group.version) == ("deploying", OLD, 1)
    assert Failure.objects.get().group == group
    credential.refresh_from_db()
    assert credential.is_live, "it is not what failed"


def test_the_page_shows_what_replaces_it(group: ContainerGroup, carol: Any, as_user: Any) -> None:
    page = f"/o/acme/default/groups/{group.name}/"
    viewer = as_user(carol)
    before = group_version(group.project_id, group.name)
    held = claim(replaced(group).pk)
    assert held is not None
    text = viewer.get(page).content.decode()
    assert "To take its place" in text
    assert f'title="{NEW}"' in text
    assert "Being pulled" in text
    assert group_version(group.project_id, group.name) != before

    outcome.fail(held, ImageNotFound(registry="registry.example.com", repository="team/app", version="2"), step="x")

    text = viewer.get(page).content.decode()
    assert "Its pull failed" in text
    assert f"{page}failures/{Failure.objects.get().pk}/" in text


def test_the_sweep_leaves_what_is_awaited_and_takes_what_was_replaced(group: ContainerGroup, settings: Any) -> None:
    settings.PORTAL_BLOB_GRACE_SECONDS = 0
    old = group.image_id
    image = replaced(group)
    assert remove_images() == 0
    held = claim(image.pk)
    assert held is not None
    outcome.finish(held)

    assert remove_images() == 1
    assert not Image.objects.filter(pk=old).exists()


def test_a_third_image_takes_the_place_of_the_second(group: ContainerGroup) -> None:
    credential = make_credential(group.organization, "registry.example.com")
    second = replaced(group, credential)

    update(group, GroupChanges(reference=parse("registry.example.com/team/app:3")), by=CONSOLE)

    assert not Image.objects.filter(pk=second.pk).exists()
    credential.refresh_from_db()
    assert not credential.is_live


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_a_group_without_an_image_waits_for_the_new_one(project: Any, status: str) -> None:
    group = make_group(project, OLD)
    old = group.image_id
    if status == "failed":
        Image.objects.update(status="failed")
        move(group, to="failed")

    update(group, GroupChanges(reference=parse(NEW)), by=CONSOLE)

    assert (group.status, group.image.reference, group.next_image) == ("pending", NEW, None)
    assert not Image.objects.filter(pk=old).exists()


def test_deleting_takes_both_images(group: ContainerGroup) -> None:
    replaced(group)

    lifecycle.delete(group, by=CONSOLE)

    assert not Image.objects.exists()


def test_a_group_that_is_gone_is_stale(group: ContainerGroup) -> None:
    ContainerGroup.objects.all().delete()

    with pytest.raises(Stale):
        update(group, GroupChanges(reference=parse(NEW)), by=CONSOLE)
    with pytest.raises(Stale):
        update(group, GroupChanges(options={"display_name": "App"}), by=CONSOLE)
