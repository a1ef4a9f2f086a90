"""Where people land."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from portal.organizations.actions import create_organization
from registries.foundation.actor import CONSOLE

SUPPORT = "/o/acme/support/"


class TestHome:
    def test_signed_out(self, db: None) -> None:
        assert Client().get("/")["Location"].startswith("/accounts/login/")

    def test_on_to_the_organization(self, browser: Any) -> None:
        answer = browser.get("/", follow=True)

        assert answer.redirect_chain == [("/o/acme/", 302)]
        assert answer.status_code == 200

    def test_one_of_several_organizations(self, browser: Any, bob: Any) -> None:
        create_organization(slug="aardvark", name="Aardvark", owner=bob, by=CONSOLE)

        answer = browser.get("/", follow=True)

        assert answer.status_code == 200
        assert "/o/acme/" in answer.text
        assert "/o/aardvark/" in answer.text

    @pytest.mark.parametrize("who", ["sam", "olga"])
    def test_without_an_organization(self, who: str, as_user: Any, request: pytest.FixtureRequest) -> None:
        answer = as_user(request.getfixturevalue(who)).get("/")

        assert answer.status_code == 200
        assert reverse("admin:index") in answer.text

    def test_only_by_get(self, browser: Any) -> None:
        assert browser.post("/").status_code == 405

    def test_an_organization_without_a_project(self, browser: Any, acme: Any) -> None:
        acme.projects.all().delete()

        assert browser.get("/o/acme/").status_code == 404
        assert browser.get(SUPPORT).status_code == 200
