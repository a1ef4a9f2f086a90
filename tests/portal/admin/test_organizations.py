"""What operators do to an organization's members and projects in the admin is in the organization's activity."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from portal.models import Activity, Membership, Organization
from tests.support import failing_recorder
from tests.support.activity import recorded

ADMIN = "/admin/portal/organization/"


@pytest.fixture
def page(acme: Any, bob: Any) -> str:
    return f"{ADMIN}{acme.pk}/change/"


def form(acme: Any, **changes: str) -> dict[str, str]:
    """The page as it is shown, with alice as row 0 and bob as row 1, and two empty rows of members and projects."""
    rows = list(acme.memberships.order_by("pk"))
    sent = {
        "name": acme.name,
        "memberships-TOTAL_FORMS": str(len(rows)),
        "memberships-INITIAL_FORMS": str(len(rows)),
        "projects-TOTAL_FORMS": "0",
        "projects-INITIAL_FORMS": "0",
    }
    for place, row in enumerate(rows):
        sent |= {
            f"memberships-{place}-id": str(row.pk),
            f"memberships-{place}-organization": str(acme.pk),
            f"memberships-{place}-user": str(row.user_id),
            f"memberships-{place}-role": row.role,
        }
    return sent | changes


def adding(acme: Any, person: Any, role: str) -> dict[str, str]:
    return {
        "memberships-TOTAL_FORMS": "3",
        "memberships-2-organization": str(acme.pk),
        "memberships-2-user": str(person.pk),
        "memberships-2-role": role,
    }


def test_a_stranger_who_is_made_owner_is_seen_by_members(
    operator: Client, acme: Any, olga: Any, mallory: Any, page: str, alice: Any, as_user: Any
) -> None:
    assert operator.post(page, form(acme, **adding(acme, mallory, "owner"))).status_code == 302

    assert acme.memberships.get(user=mallory).role == "owner"
    assert recorded() == [("Drayage", "team.added", mallory.email, "as owner")]
    row = Activity.objects.get()
    assert (row.organization_id, row.actor_kind, row.actor_key) == (acme.pk, "operator", str(olga.pk))
    assert row.request_id
    text = as_user(alice).get("/o/acme/settings/activity/").text
    assert mallory.email in text
    assert olga.email not in text


def test_roles_removals_projects_and_the_name(operator: Client, acme: Any, bob: Any, page: str) -> None:
    assert operator.post(page, form(acme, **{"memberships-1-role": "viewer"})).status_code == 302
    assert operator.post(page, form(acme, **{"memberships-1-DELETE": "on"})).status_code == 302
    project = {"projects-TOTAL_FORMS": "1", "projects-0-slug": "staging", "projects-0-name": "Staging"}
    assert operator.post(page, form(acme, name="Acme & Sons", **project)).status_code == 302

    assert list(acme.projects.values_list("slug", flat=True)) == ["default", "staging"]
    assert not acme.memberships.filter(user=bob).exists()
    assert recorded() == [
        ("Drayage", "team.role_changed", bob.email, "member → viewer"),
        ("Drayage", "team.removed", bob.email, "was viewer"),
        ("Drayage", "organization.renamed", "Acme & Sons", "Acme → Acme & Sons"),
        ("Drayage", "organization.project_added", "Staging", "staging"),
    ]


def test_what_is_saved_as_it_was_shown_is_not_recorded(operator: Client, acme: Any, page: str) -> None:
    assert operator.post(page, form(acme)).status_code == 302

    assert recorded() == []


def test_an_owner_gives_way_to_another_in_one_step(
    operator: Client, acme: Any, alice: Any, bob: Any, page: str
) -> None:
    operator.post(page, form(acme, **{"memberships-0-role": "viewer", "memberships-1-role": "owner"}))

    assert [row[2:] for row in recorded()] == [(bob.email, "member → owner"), (alice.email, "owner → viewer")]
    assert acme.memberships.get(role="owner").user == bob


def test_the_last_owner_is_removed_once_somebody_else_is_one(
    operator: Client, acme: Any, alice: Any, mallory: Any, page: str
) -> None:
    sent = form(acme, **adding(acme, mallory, "owner"), **{"memberships-0-DELETE": "on"})
    assert operator.post(page, sent).status_code == 302

    assert [row[1:3] for row in recorded()] == [("team.added", mallory.email), ("team.removed", alice.email)]
    assert acme.memberships.get(role="owner").user == mallory


def test_a_project_keeps_its_address_and_name(operator: Client, acme: Any, project: Any, page: str) -> None:
    """Nodes use the address for its images."""
    assert 'name="projects-0-slug"' not in operator.get(page).text
    sent = {
        "projects-TOTAL_FORMS": "1",
        "projects-INITIAL_FORMS": "1",
        "projects-0-id": str(project.pk),
        "projects-0-organization": str(acme.pk),
        "projects-0-slug": "another",
        "projects-0-name": "Another",
        "projects-0-DELETE": "on",
    }
    assert operator.post(page, form(acme, **sent)).status_code == 302

    assert list(acme.projects.values_list("slug", "name")) == [(project.slug, project.name)]
    assert recorded() == []


def test_the_last_owner_stays_and_nothing_else_is_saved(operator: Client, acme: Any, mallory: Any, page: str) -> None:
    sent = form(acme, name="Renamed", **adding(acme, mallory, "viewer"), **{"memberships-0-DELETE": "on"})

    answer = operator.post(page, sent, follow=True)

    assert "An organization needs an owner." in answer.text
    acme.refresh_from_db()
    assert acme.name == "Acme"
    assert acme.memberships.count() == 2
    assert recorded() == []


def test_nothing_is_changed_that_is_not_recorded(
    operator: Client, acme: Any, bob: Any, mallory: Any, page: str, settings: Any
) -> None:
    settings.ACTIVITY_RECORDER = failing_recorder.PATH
    operator.raise_request_exception = False
    project = {"projects-TOTAL_FORMS": "1", "projects-0-slug": "staging", "projects-0-name": "Staging"}
    before = list(Membership.objects.order_by("pk").values())
    for change in (
        {"name": "Renamed"},
        {"memberships-1-role": "owner"},
        {"memberships-1-DELETE": "on"},
        adding(acme, mallory, "owner"),
        project,
    ):
        assert operator.post(page, form(acme, **change)).status_code == 500

    assert list(Membership.objects.order_by("pk").values()) == before
    assert acme.projects.count() == 1
    assert Organization.objects.get(pk=acme.pk).name == "Acme"
    assert not LogEntry.objects.exists()


def test_a_new_organization_is_recorded_in_its_own_activity(operator: Client, alice: Any, settings: Any) -> None:
    sent = {"name": "Hamburg", "slug": "hamburg", "owner": str(alice.pk)}
    operator.post(f"{ADMIN}add/", sent)

    assert recorded(organization__slug="hamburg") == [
        ("Drayage", "organization.created", "Hamburg", f"owner {alice.email}")
    ]
    settings.ACTIVITY_RECORDER = failing_recorder.PATH
    operator.raise_request_exception = False
    assert operator.post(f"{ADMIN}add/", sent | {"slug": "bremen"}).status_code == 500
    assert not Organization.objects.filter(slug="bremen").exists()
