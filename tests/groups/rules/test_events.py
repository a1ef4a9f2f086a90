"""Events: one for each transition that has one, of the right group, and one replay an hour."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.models import ContainerGroup, Failure, Node, Occurrence
from groups.rules.events import note_replay
from groups.rules.states import move
from tests.support.database_clock import Clock, clock
from tests.support.group_progress import failed, make_token
from tests.support.pulls import make_group

__all__ = ["clock"]
REFERENCE = "registry.example.com/team/app:1.0"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Jobs that were enqueued."""
    jobs: list[tuple[str, str, str]] = []
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: jobs.append(job))
    return jobs


@pytest.mark.parametrize(("was", "to", "kind"), [
    ("pending", "stopped", "group.ready"),
    ("pending", "deploying", "group.ready"),
    ("pending", "failed", "group.failed"),
    ("deploying", "running", "group.running"),
    ("deploying", "stopped", None),
    ("running", "deploying", None),
    ("running", "stopped", None),
    ("running", "succeeded", None),
    ("stopped", "deploying", None),
    ("succeeded", "deploying", None),
    ("failed", "pending", None),
])  # fmt: skip
def test_which_transitions_have_an_event(
    project: Any, sent: list[Any], django_capture_on_commit_callbacks: Any, was: str, to: str, kind: str | None
) -> None:
    group = make_group(project, REFERENCE)
    ContainerGroup.objects.update(status=was)
    group.refresh_from_db()

    with django_capture_on_commit_callbacks(execute=True):
        move(group, to=to)

    found = list(Occurrence.objects.values_list("organization", "group", "group_name", "kind", "fanned_out_at"))
    assert found == ([(project.organization_id, group.pk, "app", kind, None)] if kind else [])
    assert sent == [("notices", "fan_out", str(pk)) for pk in Occurrence.objects.values_list("pk", flat=True)]


def test_a_failed_group_names_its_own_newest_failure(project: Any) -> None:
    group, other = make_group(project, REFERENCE), make_group(project, REFERENCE, name="other")
    newer, older = failed(group, code="access_denied"), failed(group, code="image_not_found")
    Failure.objects.filter(pk=older.pk).update(created_at=timezone.now() - timedelta(hours=1))
    failed(other)
    ContainerGroup.objects.update(status="pending")

    move(group, to="failed")

    assert Occurrence.objects.get().failure == newer


def test_another_event_names_no_failure(project: Any) -> None:
    group = make_group(project, REFERENCE)
    failed(group)
    ContainerGroup.objects.update(status="pending")

    move(group, to="stopped")

    assert Occurrence.objects.get().failure is None


def test_a_replay_is_one_event_an_hour_for_each_group(
    project: Any, mallory: Any, sent: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    """Neither another group nor a group of this name elsewhere silences it, nor any other event."""
    node = Node.objects.create(name="node-7", public_key="k")
    group, other = make_group(project, REFERENCE), make_group(project, REFERENCE, name="other")
    elsewhere = make_group(mallory.organizations.get().projects.get(), REFERENCE)
    move(group, to="stopped")
    before = set(Occurrence.objects.values_list("pk", flat=True))
    tokens = [make_token(of, node, number) for number, of in enumerate((group, group, other, elsewhere))]

    with django_capture_on_commit_callbacks(execute=True):
        for token in tokens:
            note_replay(token)

    noted = Occurrence.objects.exclude(pk__in=before).order_by("created_at")
    assert list(noted.values_list("organization", "group", "group_name", "kind", "node_name")) == [
        (of.organization_id, of.pk, of.name, "group.replay_refused", "node-7") for of in (group, other, elsewhere)
    ]
    assert sorted(row_id for _, _, row_id in sent) == sorted(str(row.pk) for row in noted)


def test_the_next_replay_is_an_event_after_an_hour(clock: Clock, project: Any) -> None:
    token = make_token(make_group(project, REFERENCE), Node.objects.create(name="n", public_key="k"))
    note_replay(token)
    clock.shift(3599.9)
    note_replay(token)
    assert Occurrence.objects.count() == 1

    clock.shift(0.1)
    note_replay(token)
    assert Occurrence.objects.count() == 2
