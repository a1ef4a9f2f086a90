"""The few words beside a group's state in the list."""

from __future__ import annotations

from typing import Any

import pytest

from groups.listing import list_groups
from groups.models import ContainerGroup, Failure, Image, Instance
from tests.groups.pulls import make_group

IMAGE = "registry.example.com/team/app:1.0"


@pytest.fixture
def group(project: Any, monkeypatch: pytest.MonkeyPatch) -> ContainerGroup:
    monkeypatch.setattr("groups.wakeups._enqueue", lambda *job: None)
    return make_group(project, IMAGE)


def words(group: ContainerGroup, status: str) -> str:
    ContainerGroup.objects.filter(pk=group.pk).update(status=status)
    (row,) = list_groups(group.project).page
    return str(row.sentence)


def fail(group: ContainerGroup, code: str, **params: str) -> None:
    Failure.objects.create(
        organization_id=group.organization_id,
        group=group,
        group_name=group.name,
        reference=IMAGE,
        registry="x",
        step="connect",
        code=code,
        params=params,
    )


def test_a_failed_group_names_its_newest_failure(group: ContainerGroup) -> None:
    assert words(group, "failed") == ""

    fail(group, "image_not_found")
    fail(group, "authentication_failed", case="none_given")
    assert words(group, "failed") == "The registry asks for credentials"


def test_a_stopped_group_says_whether_it_can_start(group: ContainerGroup) -> None:
    assert words(group, "stopped") == "Ready to start"

    Instance.objects.create(group=group, state="stopping")
    assert words(group, "stopped") == "Stopping"


def test_a_pending_group_says_what_it_waits_for(group: ContainerGroup) -> None:
    assert words(group, "pending") == "Waiting for a worker"

    Image.objects.update(retry_code="registry_unreachable", retry_params={"host": "x"})
    assert words(group, "pending") == "The registry can't be reached"

    Image.objects.update(status="pulling")
    assert words(group, "pending") == "Pulling"
