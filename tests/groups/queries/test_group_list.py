"""The few words beside a group's state in the list, and its registry's mark."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from groups.models import ContainerGroup, Failure, Image, Instance
from groups.queries.group_list import list_groups
from tests.support.pulls import make_group

IMAGE = "registry.example.com/team/app:1.0"


@pytest.fixture
def group(project: Any, no_redis: None) -> ContainerGroup:
    return make_group(project, IMAGE)


def words(group: ContainerGroup, status: str) -> str:
    ContainerGroup.objects.filter(pk=group.pk).update(status=status)
    (row,) = list_groups(group.project_id).rows
    return row.sentence


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
    Failure.objects.update(created_at=timezone.now() - timedelta(seconds=1))
    fail(group, "authentication_failed", case="none_given")
    assert words(group, "failed") == "The registry asks for credentials"


def test_a_stopped_group_says_whether_it_can_start(group: ContainerGroup) -> None:
    assert words(group, "stopped") == "Ready to start"

    Instance.objects.create(group=group, state="stopping")
    assert words(group, "stopped") == "Stopping"


def test_each_group_shows_its_kind_of_registry_with_credentials_and_without(group: ContainerGroup) -> None:
    make_group(group.project, "ghcr.io/acme/render:2.4", name="public")
    Image.objects.filter(pk=group.image_id).update(provider="quay")

    kinds = {row.group.name: row.kind for row in list_groups(group.project_id).rows}
    assert kinds == {group.name: "quay", "public": "ghcr"}, "what the member chose, else what the host is known for"


def test_a_pending_group_says_what_it_waits_for(group: ContainerGroup) -> None:
    assert words(group, "pending") == "Waiting for a worker"

    Image.objects.update(retry_code="registry_unreachable", retry_params={"host": "x"})
    assert words(group, "pending") == "The registry can't be reached"

    Image.objects.update(status="pulling")
    assert words(group, "pending") == "Pulling"


def names(project: Any, **asked: str) -> list[str]:
    return [row.group.name for row in list_groups(project.pk, **asked).rows]


def test_the_list_is_sorted_searched_and_filtered(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: None)
    for name, image, status, size, minutes in (
        ("beta", "ghcr.io/team/web:1", "running", 20, 3),
        ("alpha", "docker.io/team/db:2", "stopped", 30, 2),
        ("gamma", IMAGE, "failed", None, 1),
    ):
        made = make_group(project, image, name=name)
        changed_at = timezone.now() - timedelta(minutes=minutes)
        ContainerGroup.objects.filter(pk=made.pk).update(status=status, changed_at=changed_at)
        Image.objects.filter(pk=made.image_id).update(total_bytes=size)

    assert names(project) == ["alpha", "beta", "gamma"]
    assert names(project, sort="-name") == ["gamma", "beta", "alpha"]
    assert names(project, sort="-size") == ["alpha", "beta", "gamma"]
    assert names(project, sort="state") == ["gamma", "beta", "alpha"]
    assert names(project, sort="-changed") == ["gamma", "alpha", "beta"]
    assert names(project, sort="environment") == ["alpha", "beta", "gamma"]
    assert names(project, search="ghcr") == ["beta"]
    assert names(project, status="failed", search="a") == ["gamma"]

    found = list_groups(project.pk, search="a b", status="failed", sort="-size")
    assert found.keep == "&q=a+b&state=failed&sort=-size"
    assert found.heads["size"].address == "?q=a+b&state=failed&sort=size"
    assert (found.heads["size"].direction, found.heads["name"].direction) == ("descending", "")


def test_only_groups_of_the_project_are_listed_and_counted(
    project: Any, acme: Any, mallory: Any, no_redis: None
) -> None:
    """Beside another project and another organization, in which all groups fail and run."""
    for other in (acme.projects.create(slug="batch", name="Batch"), mallory.organizations.get().projects.get()):
        for name in ("app", "web", "db"):
            theirs = make_group(other, IMAGE, name=name)
            ContainerGroup.objects.filter(pk=theirs.pk).update(status="failed")
            fail(theirs, "image_not_found")
            Instance.objects.create(group=theirs, state="running")
    made = [make_group(project, IMAGE, name=name, replicas=3) for name in ("app", "web", "api")]
    ContainerGroup.objects.filter(pk=made[0].pk).update(status="deploying")
    ContainerGroup.objects.filter(pk=made[1].pk).update(status="failed")
    for state in ("running", "running", "creating"):
        Instance.objects.create(group=made[0], state=state)

    found = list_groups(project.pk)

    assert [(row.group, row.running, row.sentence) for row in found.rows] == [
        (made[2], 0, "Waiting for a worker"), (made[0], 2, "2 of 3 running"), (made[1], 0, ""),
    ]  # fmt: skip
    assert (found.total, found.counts) == (3, [("pending", 1), ("deploying", 1), ("failed", 1)])
    assert found.states == [
        ("pending", 1, "?state=pending"),
        ("deploying", 1, "?state=deploying"),
        ("failed", 1, "?state=failed"),
    ]
    searched = list_groups(project.pk, search="web", status="failed")
    assert ([row.group for row in searched.rows], searched.total) == ([made[1]], 3)
    assert (found.poll_seconds, searched.poll_seconds) == (4, 20)


def test_fifty_groups_are_on_a_page(project: Any, no_redis: None) -> None:
    image = make_group(project, IMAGE, name="a-0").image
    ContainerGroup.objects.bulk_create(
        ContainerGroup(organization=project.organization, project=project, name=f"b-{number:02}", image=image)
        for number in range(50)
    )

    assert [len(list_groups(project.pk, page=page).rows) for page in (None, "1", "2", "9", "x")] == [50, 50, 1, 1, 50]
    assert names(project, page="2") == ["b-49"]


def test_the_list_costs_the_same_with_more_groups(
    project: Any, bob: Any, as_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: None)
    browser = as_user(bob)

    def cost(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(address).status_code == 200
        return len(queries)

    def grow(number: int) -> None:
        made = make_group(project, IMAGE, name=f"app-{number}")
        fail(made, "image_not_found")
        Instance.objects.create(group=made, state="running")

    grow(0)
    list_, live = "/o/acme/default/groups/", "/o/acme/default/groups/-/rows/"
    few = cost(list_), cost(live)
    for number in range(1, 6):
        grow(number)
    assert (cost(list_), cost(live)) == few
