"""Where people land, and how they ask support."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from groups.models import Failure
from portal.actions import create_organization
from portal.models import Organization, SupportRequest
from tests.groups.pulls import SECRET, make_credential, make_group

SUPPORT = "/o/acme/support/"
WANTS_REGISTRY = f"{SUPPORT}?kind=registry"


def failure_of(organization: Organization) -> Failure:
    credential = make_credential(organization, "registry.example.com")
    group = make_group(organization.projects.get(), "registry.example.com/team/app:1", credential=credential)
    return Failure.objects.create(
        organization=organization,
        group=group,
        group_name=group.name,
        reference="registry.example.com/team/app:1",
        registry="registry.example.com",
        step="authenticate",
        code="authentication_failed",
        params={"host": "registry.example.com"},
    )


class TestHome:
    def test_signed_out(self, db: None) -> None:
        assert Client().get("/")["Location"].startswith("/accounts/login/")

    def test_on_to_the_organization(self, browser: Any) -> None:
        answer = browser.get("/", follow=True)

        assert answer.redirect_chain == [("/o/acme/", 302)]
        assert answer.status_code == 200

    def test_one_of_several_organizations(self, browser: Any, bob: Any) -> None:
        create_organization(slug="aardvark", name="Aardvark", owner=bob)

        answer = browser.get("/", follow=True)

        assert answer.status_code == 200
        assert "/o/acme/" in answer.text
        assert "/o/aardvark/" in answer.text

    @pytest.mark.parametrize("who", ["sam", "olga"])
    def test_without_an_organization(self, who: str, as_user: Any, request: Any) -> None:
        answer = as_user(request.getfixturevalue(who)).get("/")

        assert answer.status_code == 200
        assert reverse("admin:index") in answer.text

    def test_only_by_get(self, browser: Any) -> None:
        assert browser.post("/").status_code == 405

    def test_an_organization_without_a_project(self, browser: Any, acme: Any) -> None:
        acme.projects.all().delete()

        assert browser.get("/o/acme/").status_code == 404
        assert browser.get(SUPPORT).status_code < 500


class TestSupport:
    def test_a_question(self, browser: Any, bob: Any, acme: Any) -> None:
        answer = browser.post(SUPPORT, {"message": "Why is <b>this</b> so?"}, follow=True)

        asked = SupportRequest.objects.get()
        assert (asked.organization, asked.user, asked.kind, asked.failure) == (acme, bob, "other", None)
        assert asked.message == "Why is <b>this</b> so?"
        assert answer.status_code == 200
        assert "<b>this" not in answer.text

    def test_a_viewer_may_ask_too(self, carol: Any, as_user: Any) -> None:
        as_user(carol).post(SUPPORT, {"message": "What is this?"})

        assert SupportRequest.objects.get().user == carol

    def test_a_registry_that_is_not_offered(self, browser: Any) -> None:
        assert 'name="registry"' in browser.get(WANTS_REGISTRY).text

        browser.post(WANTS_REGISTRY, {"registry": "Harbor at hub.example.com"})

        asked = SupportRequest.objects.get()
        assert (asked.kind, asked.registry) == ("registry", "Harbor at hub.example.com")

    def test_a_failure_is_attached(self, browser: Any, acme: Any) -> None:
        failure = failure_of(acme)
        address = f"{SUPPORT}?failure={failure.pk}"

        page = browser.get(address)
        browser.post(address, {"message": "It worked yesterday.", "shares": "little"})

        assert failure.words.title in page.text or failure.reference in page.text
        assert SECRET not in page.text
        asked = SupportRequest.objects.get()
        assert (asked.kind, asked.failure, asked.shares) == ("failure", failure, False)

    def test_nothing_is_shared_by_itself(self, browser: Any, acme: Any) -> None:
        answer = browser.post(f"{SUPPORT}?failure={failure_of(acme).pk}", {"message": "It worked yesterday."})

        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == ["shares"]
        assert not SupportRequest.objects.exists()

    def test_what_is_shared_is_taken_back(self, browser: Any, acme: Any, carol: Any, as_user: Any) -> None:
        failure = failure_of(acme)
        as_user(carol).post(f"{SUPPORT}?failure={failure.pk}", {"message": "Please look.", "shares": "all"})
        asked = SupportRequest.objects.get()
        assert asked.shares
        page = f"/o/acme/default/groups/{failure.group_name}/failures/{failure.pk}/"
        assert "Stop sharing" in browser.get(page).text

        assert browser.post(f"{SUPPORT}stop-sharing/?failure={failure.pk}")["Location"] == page

        assert not SupportRequest.objects.get().shares
        assert "Stop sharing" not in browser.get(page).text

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_a_failure_of_another_organization(self, method: str, browser: Any, mallory: Any) -> None:
        other = failure_of(mallory.organizations.get())

        there = getattr(browser, method)(f"{SUPPORT}?failure={other.pk}")
        nowhere = getattr(browser, method)(f"{SUPPORT}?failure={uuid.uuid4()}")

        assert there.status_code == nowhere.status_code == 404
        assert there.content == nowhere.content
        assert not SupportRequest.objects.exists()

    @pytest.mark.parametrize("failure", ["1", "x" * 5000, "%00", "../admin", "%F0%9F%9A%A2"])
    def test_a_failure_that_is_none(self, failure: str, browser: Any) -> None:
        assert browser.get(f"{SUPPORT}?failure={failure}").status_code == 404

    def test_the_answer_is_read_and_the_note_is_not(self, browser: Any, acme: Any, mallory: Any) -> None:
        acme.support_requests.create(kind="other", message="Help", answer="Rebuild it.", note="Rude person.")
        mallory.organizations.get().support_requests.create(kind="other", message="Umbrella's own question")

        text = browser.get(SUPPORT).text

        assert "Rebuild it." in text
        assert "Rude person." not in text
        assert "Umbrella" not in text

    @pytest.mark.parametrize(
        ("address", "typed", "field"),
        [
            (SUPPORT, {"message": ""}, "message"),
            (SUPPORT, {"message": "x" * 4001}, "message"),
            (SUPPORT, {"message": "nul\x00"}, "message"),
            (WANTS_REGISTRY, {"registry": ""}, "registry"),
            (WANTS_REGISTRY, {"registry": "x" * 256}, "registry"),
            (WANTS_REGISTRY, {"registry": "two\nlines"}, "registry"),
        ],
        ids=["empty", "long", "nul", "registry-empty", "registry-long", "registry-lines"],
    )
    def test_a_slip_is_said_at_its_field(self, address: str, typed: dict[str, str], field: str, browser: Any) -> None:
        answer = browser.post(address, typed)

        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == [field]
        assert not SupportRequest.objects.exists()

    def test_nobody_asks_for_another(self, browser: Any, bob: Any, mallory: Any) -> None:
        umbrella = mallory.organizations.get()

        browser.post(SUPPORT, {"message": "x", "organization": umbrella.pk, "user": mallory.pk, "answer": "y"})

        asked = SupportRequest.objects.get()
        assert (asked.organization.slug, asked.user, asked.answer, asked.state) == ("acme", bob, "", "new")
