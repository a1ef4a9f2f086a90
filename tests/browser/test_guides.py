"""The guide of each kind of registry, as a member reads it before pasting."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from registries.providers import PROVIDERS, Provider
from tests.browser.conftest import violations

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASTED = {
    "docker_hub": ["acme/billing:1.4", "acmebuilds", "dckr_pat_…"],
    "ghcr": ["ghcr.io/acme/billing:1.4", "acme-builds", "ghp_…"],
    "ecr": ["123456789012.dkr.ecr.eu-west-1.amazonaws.com", "AKIA…"],
    "google": ["europe-west1-docker.pkg.dev", '{"type": "service_account"'],
    "acr": ["acme.azurecr.io", "drayage-pull"],
    "quay": ["quay.io/acme/billing:1.4", "acme+drayage"],
    "gitlab": ["registry.gitlab.com/acme/billing/api:1.4", "gitlab+deploy-token-4711", "gldt-"],
    "digitalocean": ["registry.digitalocean.com/acme/billing:1.4", "dop_v1_"],
    "ocir": ["fra.ocir.io", "axk2bcd4efgh/drayage-pull"],
    "scaleway": ["rg.fr-par.scw.cloud"],
    "alibaba": ["registry.eu-central-1.aliyuncs.com", "drayage@acme"],
    "cloudsmith": ["docker.cloudsmith.io", "token"],
    "harbor": ["harbor.example.com/team/billing:1.4", "robot$team+drayage"],
    "artifactory": ["acme.jfrog.io/docker-local/billing:1.4"],
    "nexus": ["nexus.example.com:8443"],
    "gitea": ["codeberg.org", "git.example.com/acme/billing:1.4"],
    "self_hosted": ["registry.example.com:5000", "robot$team+drayage"],
    "ecr_public": ["public.ecr.aws/docker/library/nginx:1.27", "AKIA…"],
    "mcr": ["mcr.microsoft.com/dotnet/aspnet:8.0"],
    "kubernetes": ["registry.k8s.io/pause:3.10"],
    "distroless": ["gcr.io/distroless/static-debian12:nonroot"],
    "lscr": ["lscr.io/linuxserver/nginx:latest"],
}


@pytest.fixture
def page(open_context: Any, live_server: Any, as_user: Any, bob: Any) -> Page:
    """A member's, signed in."""
    context = open_context(bypass_csp=True)
    session = as_user(bob).cookies["sessionid"]
    context.add_cookies([{"name": "sessionid", "value": session.value, "url": live_server.url}])
    page: Page = context.new_page()
    return page


def test_no_kind_is_left_out() -> None:
    assert set(PASTED) == set(PROVIDERS)


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda provider: provider.kind)
def test_it_shows_what_to_paste_and_leads_to_where(provider: Provider, page: Page) -> None:
    page.goto("/o/acme/registries/")
    page.get_by_role("link", name=provider.name, exact=False).last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(provider.name)

    examples = page.get_by_role("table")
    for example in PASTED[provider.kind]:
        expect(examples).to_contain_text(example)
    for declared in provider.fields:
        if not declared.optional:
            expect(examples.get_by_role("rowheader", name=declared.label, exact=True)).to_be_visible()
    assert violations(page) == []

    if not provider.fields:
        expect(page.get_by_role("link", name="Add a credential")).to_have_count(0)
        return
    page.get_by_role("link", name="Add a credential").click()
    for declared in provider.fields:
        expect(page.get_by_label(declared.label, exact=False).first).to_be_visible()
    page.get_by_text("Or paste docker login").click()
    expect(page.get_by_label("docker login or config.json")).to_be_visible()
    assert violations(page) == []
