"""An organization at a glance: what is counted, what waits for somebody, and what a watcher costs."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from groups.models import ContainerGroup, Failure, Instance
from tests.support.activity import write_activity
from tests.support.pulls import make_group

HOME = "/o/acme/"
IMAGE = "registry.example.com/team/app:1.0"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: None)


def put(project: Any, name: str, status: str) -> ContainerGroup:
    group = make_group(project, IMAGE, name=name)
    ContainerGroup.objects.filter(pk=group.pk).update(status=status)
    return group


def fail(project: Any, name: str) -> Failure:
    group = put(project, name, "failed")
    return Failure.objects.create(
        organization=project.organization, group=group, group_name=name, reference=IMAGE,
        registry="registry.example.com", step="manifest", code="image_not_found",
        params={"host": "registry.example.com"},
    )  # fmt: skip


def test_an_empty_organization_is_shown_the_way(browser: Client, acme: Any) -> None:
    page = browser.get(HOME).text

    assert "Three steps to the first group" in page
    assert 'action="/o/acme/default/groups/new/"' in page


def test_a_viewer_of_an_empty_organization_is_offered_nothing_to_do(carol: Any, as_user: Any) -> None:
    page = as_user(carol).get(HOME).text

    assert "/groups/new/" not in page


def test_groups_by_state_and_what_needs_somebody(browser: Client, project: Any, acme: Any) -> None:
    failure = fail(project, "broken")
    put(project, "ready", "stopped")
    running = put(project, "busy", "running")
    Instance.objects.create(group=running, state="running")
    asked = acme.support_requests.create(kind="failure", failure=failure, state="waiting")
    asked.messages.create(side="support", text="Which registry is it?")
    write_activity(acme.pk, "key ci", "group.started", "busy")

    page = browser.get(HOME)

    assert 'aria-label="1 stopped, 1 running, 1 failed"' in page.text
    assert f"/o/acme/default/groups/broken/failures/{failure.pk}/" in page.text
    assert failure.words.title in page.text
    assert "Pulled and stopped" in page.text
    assert "Which registry is it?" in page.text
    assert "<strong>key ci</strong> started" in page.text
    assert "1 of 1 replica running" in page.text


def test_an_address_without_a_project_leads_to_the_organizations_own(mallory: Any, browser: Client) -> None:
    mallory.organizations.get().projects.update(slug="a-theirs")

    page = browser.get(HOME).text

    assert "/o/acme/default/groups/" in page
    assert "a-theirs" not in page


def test_another_organizations_groups_are_not_counted(browser: Client, mallory: Any) -> None:
    put(mallory.organizations.get().projects.get(), "theirs", "failed")

    assert "theirs" not in browser.get(HOME).text


def test_another_organizations_conversations_wait_for_nobody_here(browser: Client, project: Any, mallory: Any) -> None:
    put(project, "ready", "stopped")
    theirs = mallory.organizations.get().support_requests.create(kind="other", state="waiting")
    theirs.messages.create(side="support", text="Which registry is it?")

    assert "Which registry is it?" not in browser.get(HOME).text


def test_a_watched_page_gets_what_changed(browser: Client, project: Any) -> None:
    put(project, "ready", "stopped")
    first = browser.get(HOME, headers=HTMX)
    mark = first["ETag"]

    assert "<html" not in first.text
    assert browser.get(HOME, headers=HTMX | {"If-None-Match": mark}).status_code == 304

    fail(project, "broken")
    changed = browser.get(HOME, headers=HTMX | {"If-None-Match": mark})
    assert changed.status_code == 200
    assert "broken" in changed.text


def test_it_costs_the_same_with_more_groups(browser: Client, project: Any, acme: Any) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(HOME).status_code == 200
        return len(queries)

    fail(project, "broken-0")
    put(project, "ready-0", "stopped")
    write_activity(acme.pk, "x", "group.started", "x")
    few = cost()
    for number in range(1, 5):
        fail(project, f"broken-{number}")
        put(project, f"ready-{number}", "stopped")
        write_activity(acme.pk, "x", "group.started", "x")
    assert cost() == few
