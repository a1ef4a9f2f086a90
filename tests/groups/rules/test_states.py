"""Moves of a status: only those of the table, and only from what was seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from groups.models import ContainerGroup, Image, ImageCheck, Instance
from groups.rules.states import CHECK_MOVES, GROUP_MOVES, IMAGE_MOVES, INSTANCE_MOVES, MoveForbidden, Stale, move
from tests.support.pulls import make_group


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    """A pending group."""
    return make_group(project, "registry.example.com/team/app:1.0")


@pytest.mark.parametrize(
    ("moves", "statuses"),
    [
        (GROUP_MOVES, ContainerGroup.Status),
        (IMAGE_MOVES, Image.Status),
        (INSTANCE_MOVES, Instance.State),
        (CHECK_MOVES, ImageCheck.Status),
    ],
)
def test_the_tables_name_every_status(moves: dict[str, frozenset[str]], statuses: Any) -> None:
    assert set(moves) == set(statuses.values)
    assert set().union(*moves.values()) <= set(statuses.values)


@pytest.mark.parametrize("was", ContainerGroup.Status.values)
@pytest.mark.parametrize("to", ContainerGroup.Status.values)
def test_every_pair_is_allowed_or_forbidden(group: ContainerGroup, was: str, to: str) -> None:
    ContainerGroup.objects.update(status=was)
    group.refresh_from_db()

    if to in GROUP_MOVES[was]:
        assert move(group, to=to).status == to
    else:
        with pytest.raises(MoveForbidden):
            move(group, to=to)
        assert ContainerGroup.objects.get().status == was


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


def test_a_row_that_is_gone_is_stale(group: ContainerGroup) -> None:
    other = ContainerGroup.objects.get()
    group.delete()

    with pytest.raises(Stale):
        move(other, to="stopped")


def test_the_time_of_the_change_is_noted(group: ContainerGroup) -> None:
    long_ago = group.changed_at - timedelta(hours=1)
    ContainerGroup.objects.update(changed_at=long_ago)

    assert move(group, to="stopped").changed_at > long_ago
