"""Marks of lists: whatever a list shows changes its mark, and nothing that others do. A group's own stands with its
story (`tests.groups.test_story`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.models import ContainerGroup, Image, Instance, Layer
from groups.states import move
from groups.versions import organization_version, project_version
from registries.models import Credential
from tests.groups.pulls import make_credential, make_group

pytestmark = pytest.mark.django_db
IMAGE = "registry.example.com/team/app:1.0"


@pytest.fixture(autouse=True)
def _no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.wakeups._enqueue", lambda *job: None)


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    made: ContainerGroup = make_group(project, IMAGE, name="web")
    at = Instance.objects.create(group=made)
    Instance.objects.filter(pk=at.pk).update(state="downloading")
    Layer.objects.create(image=made.image, position=0, media_type="t", digest="sha256:0", size=10)
    return made


def _image(**values: Any) -> Callable[[ContainerGroup], object]:
    return lambda group: Image.objects.filter(pk=group.image_id).update(**values)


def _group(**values: Any) -> Callable[[ContainerGroup], object]:
    return lambda group: ContainerGroup.objects.filter(pk=group.pk).update(**values)


def _delete(group: ContainerGroup) -> None:
    group.delete()


IN_A_ROW: list[Callable[[ContainerGroup], object]] = [
    lambda group: make_group(group.project, IMAGE, name="another"),
    _delete,
    lambda group: move(group, to="failed"),
    _group(replicas=7),
    _group(version=2),
    _group(changed_at=timezone.now() + timedelta(seconds=1)),
    _image(status="pulling"),
    _image(digest="sha256:1"),
    _image(total_bytes=5),
    _image(attempt=2),
    _image(not_before=timezone.now()),
    lambda group: Instance.objects.create(group=group),
    lambda group: Instance.objects.filter(group=group).update(state="running"),
    lambda group: Instance.objects.filter(group=group).delete(),
]
AT_A_GLANCE: list[Callable[[ContainerGroup], object]] = [
    _image(status="ready"),
    lambda group: Layer.objects.filter(image=group.image_id).update(committed_at=timezone.now()),
    lambda group: make_credential(group.organization, "registry.example.com"),
]


@pytest.mark.parametrize("number", range(len(IN_A_ROW)))
def test_whatever_a_row_shows_changes_the_marks_of_lists(group: ContainerGroup, number: int) -> None:
    before = project_version(group.project_id)
    of_all = organization_version(group.organization_id)

    assert project_version(group.project_id) == before
    IN_A_ROW[number](group)
    assert project_version(group.project_id) != before
    assert organization_version(group.organization_id) != of_all


@pytest.mark.parametrize("number", range(len(AT_A_GLANCE)))
def test_whatever_the_overview_counts_changes_its_mark(group: ContainerGroup, number: int) -> None:
    before = organization_version(group.organization_id)

    assert organization_version(group.organization_id) == before
    assert organization_version(group.organization_id, "viewer") != before
    AT_A_GLANCE[number](group)
    assert organization_version(group.organization_id) != before


def test_a_credential_that_is_overdue_counts_no_more(group: ContainerGroup) -> None:
    credential = make_credential(group.organization, "registry.example.com")
    before = organization_version(group.organization_id)
    Credential.objects.filter(pk=credential.pk).update(deadline=timezone.now() - timedelta(seconds=1))

    assert organization_version(group.organization_id) != before


def test_what_others_do_changes_nothing(group: ContainerGroup, mallory: Any) -> None:
    before = project_version(group.project_id), organization_version(group.organization_id)
    make_group(mallory.organizations.get().projects.get(), IMAGE, name="theirs")

    assert (project_version(group.project_id), organization_version(group.organization_id)) == before
