"""Moves of a status: only those of the table, and only from what was seen."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.models import ContainerGroup, Image, ImageCheck, Instance, Occurrence
from groups.rules.states import MoveForbidden, Stale, move
from tests.support.pulls import make_group


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    """A pending group."""
    return make_group(project, "registry.example.com/team/app:1.0")


@pytest.fixture
def rows(group: ContainerGroup) -> dict[str, Any]:
    """One row of each kind that has a status."""
    check = ImageCheck.objects.create(
        organization=group.organization, reference="a", registry="a", repository="a", version="1", platform="linux",
        expires_at=timezone.now(),
    )  # fmt: skip
    return {
        "group": group,
        "image": group.image,
        "instance": Instance.objects.create(group=group),
        "check": check,
    }


@pytest.mark.parametrize(("kind", "column", "statuses", "allowed"), [
    (
        "group", "status",
        {"pending", "stopped", "deploying", "running", "succeeded", "failed"},
        {
            ("pending", "stopped"), ("pending", "deploying"), ("pending", "failed"),
            ("stopped", "deploying"),
            ("deploying", "running"), ("deploying", "stopped"),
            ("running", "deploying"), ("running", "stopped"), ("running", "succeeded"),
            ("succeeded", "deploying"),
            ("failed", "pending"),
        },
    ),
    (
        "image", "status",
        {"queued", "pulling", "ready", "failed"},
        {
            ("queued", "pulling"), ("queued", "failed"),
            ("pulling", "ready"), ("pulling", "queued"), ("pulling", "failed"),
        },
    ),
    (
        "instance", "state",
        {"allocating", "downloading", "creating", "running", "stopping"},
        {
            ("allocating", "downloading"), ("allocating", "stopping"),
            ("downloading", "creating"), ("downloading", "running"), ("downloading", "allocating"),
            ("downloading", "stopping"),
            ("creating", "running"), ("creating", "allocating"), ("creating", "stopping"),
            ("running", "creating"), ("running", "allocating"), ("running", "stopping"),
        },
    ),
    (
        "check", "status",
        {"queued", "running", "done", "failed"},
        {("queued", "running"), ("queued", "failed"), ("running", "done"), ("running", "failed")},
    ),
])  # fmt: skip
def test_what_may_follow_what(
    rows: dict[str, Any], kind: str, column: str, statuses: set[str], allowed: set[tuple[str, str]]
) -> None:
    """The whole table, and what is forbidden leaves the row alone."""
    row = rows[kind]
    stored = type(row).objects.filter(pk=row.pk)
    assert {value for value, _ in type(row)._meta.get_field(column).flatchoices} == statuses

    moved = set()
    for was, to in itertools.product(sorted(statuses), repeat=2):
        stored.update(**{column: was})
        setattr(row, column, was)
        try:
            move(row, to=to)
        except MoveForbidden:
            assert stored.values_list(column, flat=True).get() == was
        else:
            moved.add((was, to))
            assert stored.values_list(column, flat=True).get() == getattr(row, column) == to

    assert moved == allowed


def test_only_this_row_moves(group: ContainerGroup) -> None:
    first, second = Instance.objects.create(group=group), Instance.objects.create(group=group)

    move(first, to="downloading")

    second.refresh_from_db()
    assert (first.state, second.state) == ("downloading", "allocating")


def test_of_two_who_saw_the_same_one_wins(group: ContainerGroup) -> None:
    other = ContainerGroup.objects.get()
    move(group, to="stopped")

    with pytest.raises(Stale):
        move(other, to="failed")

    assert ContainerGroup.objects.get().status == "stopped"


def test_fields_change_with_the_status(group: ContainerGroup) -> None:
    image = group.image

    move(image, to="pulling", attempt=3)

    assert (image.status, image.attempt) == ("pulling", 3)


def test_a_condition_narrows_the_move(group: ContainerGroup) -> None:
    with pytest.raises(Stale):
        move(group.image, to="pulling", only={"attempt": 7})

    assert Image.objects.get().status == "queued"
    assert move(group.image, to="pulling", only={"attempt": 0}).status == "pulling"


def test_a_row_that_is_gone_is_stale(group: ContainerGroup) -> None:
    other = ContainerGroup.objects.get()
    group.delete()

    with pytest.raises(Stale):
        move(other, to="stopped")


def test_the_time_of_the_change_is_noted(group: ContainerGroup) -> None:
    instance = Instance.objects.create(group=group)
    long_ago = group.changed_at - timedelta(hours=1)
    ContainerGroup.objects.update(changed_at=long_ago)
    Instance.objects.update(changed_at=long_ago)
    instance.refresh_from_db()

    assert move(group, to="stopped").changed_at > long_ago
    assert move(instance, to="stopping").changed_at > long_ago
    assert ContainerGroup.objects.get().changed_at == group.changed_at


def test_without_its_event_a_group_does_not_move(group: ContainerGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("groups.rules.states.note_move", fail)

    with pytest.raises(RuntimeError):
        move(group, to="stopped")

    assert ContainerGroup.objects.get().status == "pending"


def test_a_group_that_becomes_stale_on_the_way_has_no_event(group: ContainerGroup) -> None:
    ContainerGroup.objects.update(status="failed")

    with pytest.raises(Stale):
        move(group, to="stopped")

    assert not Occurrence.objects.exists()
