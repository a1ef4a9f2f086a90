"""The way to the right kind of registry: reading what is pasted, and the guides."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from registries.models import Credential
from registries.providers import PROVIDERS, Provider
from tests.support.pulls import SECRET

LIST = "/o/acme/registries/"

EVERY_KIND = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda provider: provider.kind)


class TestFind:
    """What is pasted on the page that adds a credential is read for its registry, and put into no address."""

    def test_an_image(self, browser: Client) -> None:
        answer = browser.post(f"{LIST}new/?for=group", {"find": "registry.gitlab.com/acme/app:1.0"})

        assert answer.status_code == 302
        assert answer["Location"] == f"{LIST}new/?for=group&kind=gitlab&host=registry.gitlab.com"
        page = browser.get(answer["Location"])
        assert (page.context["provider"].kind, page.context["form"]["host"].value()) == (
            "gitlab",
            "registry.gitlab.com",
        )

    def test_a_login_leaves_only_its_host(self, browser: Client) -> None:
        answer = browser.post(f"{LIST}new/", {"find": f"docker login -u alice -p {SECRET} harbor.example.com"})

        assert answer["Location"] == f"{LIST}new/?kind=harbor&host=harbor.example.com"
        assert Credential.objects.count() == 0

    def test_what_can_not_be_read(self, browser: Client) -> None:
        answer = browser.post(f"{LIST}new/", {"find": f"what is {SECRET}?"})

        assert answer.status_code == 422
        assert "No image or host could be read" in answer.text
        assert SECRET not in answer.text

    def test_a_public_registry(self, browser: Client) -> None:
        answer = browser.post(f"{LIST}new/", {"find": "mcr.microsoft.com/dotnet/aspnet:8.0"}, follow=True)

        assert "no credential is needed" in answer.text
        assert browser.post(f"{LIST}new/?kind=mcr", {"username": "deploy", "password": SECRET}).status_code == 404
        assert Credential.objects.count() == 0

    def test_the_usual_host_is_there_already(self, browser: Client) -> None:
        assert browser.get(f"{LIST}new/?kind=gitlab").context["form"]["host"].value() == "registry.gitlab.com"


class TestGuides:
    @EVERY_KIND
    def test_each_kind_has_one(self, provider: Provider, browser: Client) -> None:
        answer = browser.get(reverse("registries:guide", args=["acme", provider.kind]))

        assert answer.status_code == 200
        assert provider.name in answer.text

    def test_all_are_listed_where_the_link_leads(self, browser: Client) -> None:
        answer = browser.get(LIST)

        assert f'href="{LIST}#guides"' in answer.text
        assert 'id="guides"' in answer.text
        for kind in PROVIDERS:
            assert reverse("registries:guide", args=["acme", kind]) in answer.text

    def test_one_that_there_is_not(self, browser: Client) -> None:
        assert browser.get(reverse("registries:guide", args=["acme", "portus"])).status_code == 404
