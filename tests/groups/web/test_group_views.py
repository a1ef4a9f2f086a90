"""Pages of container groups as members, viewers and strangers get them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from groups.models import ContainerGroup, Failure, Instance, Layer, Node, PullStep
from tests.support.group_pages import ACTIONS, HOST, IMAGE, LIST, at, failure, group, put, text_of
from tests.support.pulls import SECRET, make_group

pytestmark = pytest.mark.usefixtures("no_redis")
__all__ = ["failure", "group"]


def test_an_empty_list_teaches_the_first_steps(member: Client) -> None:
    text = text_of(member.get(LIST)).lower()

    assert "credential" in text
    assert "start" in text


def test_the_list_shows_what_one_scans_for(member: Client, group: ContainerGroup) -> None:
    page = member.get(LIST)

    assert page.status_code == 200
    for word in ("web", "team/app", "ending"):
        assert word in text_of(page)
    assert at(group, "detail") in page.content.decode()


def test_the_list_pages_and_its_queries_do_not_grow(member: Client, project: Any) -> None:
    make_group(project, IMAGE, name="first")
    member.get(LIST)
    with CaptureQueriesContext(connection) as few:
        member.get(LIST)
    for number in range(55):
        made = make_group(project, IMAGE, name=f"group-{number:02}")
        Instance.objects.create(group=made, state="running")
    with CaptureQueriesContext(connection) as many:
        first = member.get(LIST)

    assert len(many) <= len(few)
    assert "group-54" not in text_of(first)
    assert "group-54" in text_of(member.get(LIST, {"page": "2"}))
    for odd in ("0", "-1", "9" * 500, "x"):
        assert member.get(LIST, {"page": odd, "q": odd, "state": odd}).status_code == 200


def test_rows_answer_304_until_something_changes(member: Client, group: ContainerGroup) -> None:
    rows = reverse("groups:rows", args=["acme", "default"])
    first = member.get(rows)
    assert (first.status_code, "<html" in first.content.decode()) == (200, False)

    assert member.get(rows, headers={"If-None-Match": first["ETag"]}).status_code == 304
    put(group, "stopped")
    assert member.get(rows, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_the_page_shows_the_group_and_never_its_values(member: Client, group: ContainerGroup) -> None:
    page = member.get(at(group, "detail"))

    assert page.status_code == 200
    for word in ("Waiting for a worker", "TOKEN", "team/app", HOST):
        assert word in text_of(page)
    for leak in ("canary-environment", SECRET):
        assert leak not in page.content.decode()


@pytest.mark.parametrize("status", ContainerGroup.Status.values)
def test_every_state_has_a_page(member: Client, viewer: Client, group: ContainerGroup, status: str) -> None:
    put(group, status)
    node = Node.objects.create(name="node-1", public_key="k")
    for state in Instance.State.values:
        Instance.objects.create(group=group, state=state, node=node, message="<i>odd</i>", progress=40)
    Layer.objects.create(image=group.image, position=0, media_type="x", digest="sha256:0", size=0)
    PullStep.objects.create(image=group.image, attempt=0, name="layers", detail="<i>odd</i>")

    for client in (member, viewer):
        page = client.get(at(group, "detail"))
        assert page.status_code == 200
        assert "<i>odd" not in page.content.decode()
        assert client.get(at(group, "status")).status_code in (200, 286)


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("pending", set()),
        ("stopped", {"start"}),
        ("deploying", {"stop"}),
        ("running", {"stop"}),
        ("succeeded", {"start"}),
        ("failed", set()),
    ],
)
def test_actions_fit_the_state_and_the_role(
    member: Client, viewer: Client, group: ContainerGroup, status: str, offered: set[str]
) -> None:
    put(group, status)

    def forms(client: Client) -> set[str]:
        page = client.get(at(group, "detail")).content.decode()
        return {action for action in ACTIONS if f'action="{at(group, action)}"' in page}

    assert forms(member) - {"delete", "retry"} == offered
    assert "delete" in forms(member)
    assert forms(viewer) == set()


def test_a_failed_group_leads_to_its_failure(member: Client, group: ContainerGroup, failure: Failure) -> None:
    assert at(group, "failure", failure.pk) in member.get(at(group, "detail")).content.decode()


def test_the_live_part_answers_304_200_and_286(member: Client, group: ContainerGroup) -> None:
    status = at(group, "status")
    first = member.get(status)
    assert first.status_code == 200
    assert "<html" not in first.content.decode()
    assert f'hx-get="{status}"' in first.content.decode()

    seen = {"If-None-Match": first["ETag"]}
    with CaptureQueriesContext(connection) as queries:
        unchanged = member.get(status, headers=seen)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert len(queries) <= 6, "session, person, membership, project, group, and one for what changed"

    put(group, "stopped")
    last = member.get(status, headers=seen)
    assert last.status_code == 286
    assert "no-cache" in last["Cache-Control"]
    assert "private" in last["Cache-Control"]


def test_pages_of_a_group_that_is_not_there_are_404(
    member: Client, group: ContainerGroup, mallory: Any, as_user: Any, failure: Failure
) -> None:
    umbrella = mallory.organizations.get()
    theirs = make_group(umbrella.projects.get(), IMAGE, name="theirs")
    group.organization.projects.create(slug="other", name="Other")
    pages: list[Callable[[str, str, str], str]] = [
        *(
            lambda org, project, name, page=page: reverse(f"groups:{page}", args=[org, project, name])
            for page in ("detail", "status")
        ),
        lambda org, project, name: reverse("groups:failure", args=[org, project, name, failure.pk]),
    ]
    for page in pages:
        assert member.get(page("acme", "default", "absent")).status_code == 404
        assert member.get(page("acme", "default", theirs.name)).status_code == 404
        assert member.get(page("acme", "other", group.name)).status_code == 404
        assert member.get(page("umbrella", "default", theirs.name)).status_code == 404
        assert as_user(mallory).get(page("acme", "default", group.name)).status_code == 404
    for action in ACTIONS:
        assert member.post(reverse(f"groups:{action}", args=["acme", "other", group.name])).status_code == 404
        assert member.get(reverse(f"groups:{action}", args=["acme", "other", group.name])).status_code == 404


def test_a_page_that_watches_a_group_which_is_gone_is_led_to_the_list(
    member: Client, mallory: Any, as_user: Any, group: ContainerGroup
) -> None:
    make_group(mallory.organizations.get().projects.get(), IMAGE, name="theirs")
    htmx = {"HX-Request": "true"}
    assert member.get(at(group, "status"), headers=htmx).status_code == 200

    answers = [
        member.get(reverse("groups:status", args=["acme", "default", name]), headers=htmx)
        for name in ("absent", "theirs")
    ]
    for answer in answers:
        assert (answer.status_code, answer.content, answer["HX-Redirect"]) == (200, b"", LIST)
    assert as_user(mallory).get(at(group, "status"), headers=htmx).status_code == 404
