"""The search of an organization: what is found, by whom, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from groups.models import ContainerGroup, Failure, Image
from portal.home.search import MAX_LENGTH, SearchResults, cleaned, search
from portal.models import Organization, Role
from portal.organizations.invitations import invite
from registries.foundation.actor import CONSOLE
from tests.support.actors import acting
from tests.support.pulls import make_credential, make_group

SEARCH = "/o/acme/search/"
IMAGE = "registry.example.com/vision/render:2.4"
DIGEST = "sha256:" + "4e1f9c0b7d21a85c" * 4


@pytest.fixture(autouse=True)
def _no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: None)


@pytest.fixture
def render(project: Any) -> ContainerGroup:
    group = make_group(project, IMAGE, name="render")
    Image.objects.filter(pk=group.image_id).update(digest=DIGEST)
    return group


def look(organization: Organization, text: str, role: Role = Role.MEMBER, most: int = 5) -> SearchResults:
    return search(organization, role, text, limit=most)


def names(found: SearchResults) -> list[str]:
    return [each.name for each in found.groups]


class TestGroups:
    @pytest.mark.parametrize(
        "text",
        [
            "render", "REND", "vision/render", IMAGE, "render example", "4e1f9c", "4E1F9C0B", "sha256:4e1f", DIGEST,
            "  render  ",
        ],
    )  # fmt: skip
    def test_found(self, acme: Any, render: ContainerGroup, text: str) -> None:
        assert names(look(acme, text)) == ["render"]

    @pytest.mark.parametrize("text", ["renderer", "render nothing", "4e1f00", "9c0b7d", "%", "_", "rend%r", "'", '"'])
    def test_not_found(self, acme: Any, render: ContainerGroup, text: str) -> None:
        assert names(look(acme, text)) == []

    def test_in_every_project(self, acme: Any, render: ContainerGroup) -> None:
        make_group(acme.projects.create(slug="night", name="Night"), IMAGE, name="render")

        found = look(acme, "render")

        assert {each.project.slug for each in found.groups} == {"default", "night"}

    def test_what_begins_so_comes_first(self, acme: Any, project: Any) -> None:
        for name in ("a-web", "web", "z-web", "web-2"):
            make_group(project, IMAGE, name=name)

        assert names(look(acme, "web")) == ["web", "web-2", "a-web", "z-web"]

    def test_a_few_and_that_there_are_more(self, acme: Any, project: Any) -> None:
        for number in range(3):
            make_group(project, IMAGE, name=f"web-{number}")

        assert (len(look(acme, "web", most=2).groups), look(acme, "web", most=2).more) == (2, {"groups"})
        assert (len(look(acme, "web", most=3).groups), look(acme, "web", most=3).more) == (3, set())


def test_credentials_by_name_and_host(acme: Any) -> None:
    row = make_credential(acme, "registry.example.com")

    assert [each.pk for each in look(acme, "registry").credentials] == [row.pk]
    assert [each.pk for each in look(acme, "example.com").credentials] == [row.pk]
    assert look(acme, "deploy").credentials == [], "the user name is not looked for"


def test_failures_by_code_and_group(acme: Any, render: ContainerGroup) -> None:
    row = Failure.objects.create(
        organization=acme, group=render, group_name="render", reference=IMAGE, registry="registry.example.com",
        step="manifest", code="image_not_found", params={"host": "registry.example.com"},
    )  # fmt: skip

    assert [each.pk for each in look(acme, "image_not_found").failures] == [row.pk]
    assert [each.pk for each in look(acme, "render").failures] == [row.pk]
    Failure.objects.update(group=None)
    assert look(acme, "image_not_found").failures == [], "its page is gone with its group"


def test_people_and_who_is_invited(acme: Any, alice: Any, bob: Any) -> None:
    invite(acme, email="nina@acme.example", role="member", by=acting(alice))

    assert [each.user.email for each in look(acme, "bob@").members] == ["bob@acme.example"]
    assert [each.email for each in look(acme, "nina").invitations] == ["nina@acme.example"]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("ghcr.io", ["ghcr"]),
        ("github", ["ghcr"]),
        ("aws", ["ecr", "ecr_public"]),
        ("docker hub", ["docker_hub"]),
        ("nothing", []),
    ],
)
def test_guides(acme: Any, text: str, kinds: list[str]) -> None:
    assert [each.kind for each in look(acme, text).guides] == kinds


class TestPages:
    @pytest.mark.parametrize(
        ("text", "role", "place"),
        [
            ("team", Role.VIEWER, "Team"), ("audit log", Role.VIEWER, "Activity"),
            ("webh", Role.VIEWER, "Notifications"), ("api", Role.OWNER, "API keys"),
            ("new group", Role.MEMBER, "New group"),
        ],
    )  # fmt: skip
    def test_found(self, acme: Any, text: str, role: Role, place: str) -> None:
        assert [each.name for each in look(acme, text, role).places] == [place]

    @pytest.mark.parametrize(
        ("text", "role"),
        [("api keys", Role.MEMBER), ("api keys", Role.VIEWER), ("new group", Role.VIEWER), ("eam", Role.OWNER)],
    )
    def test_not_found(self, acme: Any, text: str, role: Role) -> None:
        assert look(acme, text, role).places == []


def test_nothing_of_another_organization(acme: Any, render: ContainerGroup, mallory: Any) -> None:
    make_credential(acme, "registry.example.com")
    invite(acme, email="nina@acme.example", role="member", by=CONSOLE)
    Failure.objects.create(
        organization=acme, group=render, group_name="render", reference=IMAGE, registry="registry.example.com",
        step="manifest", code="image_not_found", params={"host": "registry.example.com"},
    )  # fmt: skip
    umbrella = Organization.objects.get(slug="umbrella")

    for text in ("render", "registry.example", "alice", "sha256:4e1f", "nina", "image_not_found"):
        assert look(acme, text, Role.OWNER).count > 0, text
        assert look(umbrella, text, Role.OWNER).count == 0


@pytest.mark.parametrize(
    ("text", "clean"),
    [("", ""), ("  ", ""), ("a \n\t b", "a b"), ("x" * 10_000, "x" * MAX_LENGTH)],
)
def test_cleaned(text: str, clean: str) -> None:
    assert cleaned(text) == clean


class TestPage:
    @pytest.fixture
    def browser(self, carol: Any, as_user: Any) -> Client:
        client: Client = as_user(carol)
        return client

    @pytest.mark.parametrize(
        "text",
        [
            "%", "%00", "_" * 10_240, "'; drop table--", '"><script>', "\u202e", "\U0001f680", "é" * 600, "[[",
            "\\",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("headers", [{}, {"HX-Request": "true", "HX-Target": "found"}])
    def test_hostile_words(self, browser: Client, render: Any, text: str, headers: dict[str, str]) -> None:
        answer = browser.get(SEARCH, {"q": text}, headers=headers)

        assert answer.status_code == 200
        assert "<script>" not in answer.text.replace("<script src=", "")

    def test_bytes_that_are_no_text(self, browser: Client) -> None:
        assert browser.get(f"{SEARCH}?q=%ff%fe%ed%a0%80").status_code == 200

    def test_a_page_without_script(self, browser: Client, render: Any) -> None:
        page = browser.get(SEARCH, {"q": "rend"}).text

        assert 'href="/o/acme/default/groups/render/"' in page
        assert "state-pending" in page
        assert 'value="rend"' in page

    def test_a_part_for_scripts(self, browser: Client, render: Any) -> None:
        answer = browser.get(SEARCH, {"q": "rend"}, headers={"HX-Request": "true", "HX-Target": "found"})

        assert "<html" not in answer.text
        assert "1 found" in answer.text
        assert "no-store" in answer["Cache-Control"]

    def test_nothing_fits(self, browser: Client) -> None:
        assert "Nothing fits" in browser.get(SEARCH, {"q": "xyzzy"}).text

    def test_nothing_asked(self, browser: Client) -> None:
        assert "Nothing fits" not in browser.get(SEARCH).text

    def test_as_many_queries_for_much_as_for_little(self, browser: Client, acme: Any, project: Any) -> None:
        def cost() -> int:
            with CaptureQueriesContext(
                connection,
            ) as seen:
                assert browser.get(SEARCH, {"q": "registry web"}).status_code == 200
            return len(seen)

        for number in range(12):
            group = make_group(project, "registry.example.com/web:1", name=f"web-{number}")
            if number == 0:
                little = cost()
            Failure.objects.create(
                organization=acme, group=group, group_name=group.name, reference="x", registry="registry.example.com",
                step="connect", code="image_not_found", params={"host": "registry.example.com"},
            )  # fmt: skip
        assert cost() == little

    def test_every_page_has_the_field(self, browser: Client, project: Any) -> None:
        for place in ("", "default/groups/", "registries/", "settings/members/", "support/", "registries/guides/ecr/"):
            assert browser.get(f"/o/acme/{place}").text.count('type="search" name="q" maxlength="512"') == 1


def test_a_secret_is_neither_searched_for_nor_shown(as_user: Any, alice: Any, acme: Any) -> None:
    token = "ghp_" + "CANARY7f3aCANARY7f3a" + "CANARY7f3aCANARY"

    for page in ("/o/acme/search/", "/o/acme/settings/activity/", "/o/acme/default/groups/"):
        answer = as_user(alice).get(page, {"q": token})
        assert answer.status_code == 200
        assert token not in answer.text
    asked = as_user(alice).get("/o/acme/registries/new/", {"host": token, "image": f"a.example/b:{token}"})
    assert token not in asked.text
    assert "looks like a secret" in as_user(alice).get("/o/acme/search/", {"q": token}).text
