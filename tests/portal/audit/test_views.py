"""The audit log: what is written, what is never, and finding something in it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from groups.models import Occurrence
from portal.audit import views
from portal.audit.log import AREAS, VERBS
from portal.config.env import CHECKOUT
from portal.models import Activity, ActivityText, User
from registries.models import Credential
from tests.support.activity import recorded, write_activity
from tests.support.admin_rows import make_rows, url
from tests.support.pulls import SECRET, make_credential

PAGE = "/o/acme/settings/activity/"
GROUPS = "/o/acme/default/groups/"


def shown() -> list[tuple[str, str, str]]:
    return [row[:3] for row in recorded()]


def test_a_group_and_its_credential(browser: Client, bob: Any, acme: Any) -> None:
    sent = {"host": "registry.example.com", "username": "deploy", "password": SECRET, "name": "ours", "hold": "hour"}
    browser.post("/o/acme/registries/new/?kind=self_hosted", sent)
    credential = Credential.objects.get()
    group = {"image": "registry.example.com/team/app:1", "credential": str(credential.pk), "name": "web"}
    settings = {"replicas": "1", "cpu": "1", "memory_mb": "512", "restart_policy": "always"}
    browser.post(f"{GROUPS}new/", group | settings | {"environment": f"A={SECRET}", "command": f"--x={SECRET}"})
    browser.post(f"/o/acme/registries/{credential.pk}/destroy/")
    browser.post(f"{GROUPS}web/start/")  # nothing to start: nothing to record
    browser.post(f"{GROUPS}web/delete/", {"name": "web"})

    assert shown() == [
        (bob.email, "credential.added", "ours"),
        (bob.email, "group.created", "web"),
        (bob.email, "credential.destroyed", "ours"),
        (bob.email, "group.deleted", "web"),
    ]
    assert SECRET not in str([list(Activity.objects.values()), list(ActivityText.objects.values())])
    page = browser.get(PAGE).text
    assert "registry.example.com/team/app:1" in page
    assert f"{GROUPS}web/" not in page  # it was deleted, so nothing leads to it


def test_operators_actions_are_seen_without_their_name(
    olga: Any, alice: Any, acme: Any, as_user: Any, browser: Client
) -> None:
    rows = make_rows(acme, alice)
    chosen = {"action": "destroy_now", "_selected_action": [str(rows[Credential].pk)], "confirmed": "yes"}
    as_user(olga).post(url(Credential), chosen)

    page = browser.get(PAGE).text
    assert "an operator destroyed it" in page
    assert olga.email not in page


def test_filters_and_pages(browser: Client, bob: Any, alice: Any, acme: Any) -> None:
    for number in range(55):
        write_activity(acme.pk, bob, "group.started", f"web-{number:02}")
    write_activity(acme.pk, "key ci", "group.stopped", "nightly", "by API")
    write_activity(acme.pk, alice, "team.invited", "nina@acme.example")

    first = browser.get(PAGE).text
    assert "nina@acme.example" in first
    assert "web-00" not in first
    assert "web-00" in browser.get(f"{PAGE}?page=2").text
    by_key = browser.get(f"{PAGE}?who=key+ci").text
    assert "nightly" in by_key
    assert "web-54" not in by_key
    people = browser.get(f"{PAGE}?area=team").text
    assert "nina@acme.example" in people
    assert "nightly" not in people
    for odd in ("area=nonsense", "page=x", "area=group.started"):
        assert browser.get(f"{PAGE}?{odd}").status_code == 200


def test_the_actors_of_the_newest_rows_can_be_chosen(
    acme: Any, member: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("key old", "key b", "key a", "key b"):
        write_activity(acme.pk, name, "group.started", "web")
    monkeypatch.setattr(views, "MAX_ROWS_FOR_ACTORS", 3)

    assert list(member.get(PAGE).context["actors"]) == ["key a", "key b"]


def test_others_see_nothing_of_it(mallory: Any, as_user: Any, acme: Any, alice: Any) -> None:
    write_activity(acme.pk, alice, "group.started", "secret-project")

    assert "secret-project" not in as_user(mallory).get("/o/umbrella/settings/activity/").text


def test_what_is_long_is_cut_and_markup_is_text(browser: Client, acme: Any) -> None:
    write_activity(acme.pk, "<b>key</b>" * 60, "of.later", "<script>" * 60, "x" * 2000)

    page = browser.get(PAGE).text
    assert "<script><script>" not in page
    assert ActivityText.objects.get().detail.endswith("…")


def test_a_page_costs_the_same_with_more_rows(browser: Client, acme: Any, bob: Any) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(PAGE)
        return len(queries)

    write_activity(acme.pk, bob, "group.started", "web")
    few = cost()
    for _ in range(20):
        write_activity(acme.pk, bob, "credential.added", "x")
    assert cost() == few


def test_people_and_credentials_of_a_destroyed_page(browser: Client, acme: Any, alice: Any, as_user: Any) -> None:
    """A row outlives whoever did it."""
    credential = make_credential(acme, "registry.example.com")
    browser.post(f"/o/acme/registries/{credential.pk}/destroy/")
    User.objects.filter(email="bob@acme.example").delete()

    assert "bob@acme.example" in as_user(alice).get(PAGE).text


def test_every_action_has_words() -> None:
    """Whatever the source records is known to the page."""
    areas = "|".join(AREAS)
    apps = [CHECKOUT / app for app in ("portal", "groups", "registries")]
    sources = [path.read_text() for app in apps for path in app.rglob("*.py")]
    recorded = {verb for text in sources for verb in re.findall(rf'"((?:{areas})\.[a-z_]+)"', text)}

    assert "group.created" in recorded
    assert recorded - {str(kind) for kind in Occurrence.Kind} <= set(VERBS)
