"""A credential that is renamed keeps its secret; one that is to be for another host loses it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from portal.models import Organization, User
from registries.credential_rows import NewCredential, empty_credential, store_credential
from registries.models import Credential
from tests.support.pulls import SECRET, USER, make_credential

HOST = "registry.example.com"


@pytest.fixture
def credential(acme: Organization) -> Credential:
    return make_credential(acme, HOST, hold="hour")


def page(credential: Credential) -> str:
    return reverse("registries:edit", args=["acme", credential.pk])


def test_another_name_keeps_the_secret(browser: Client, credential: Credential) -> None:
    before = bytes(credential.sealed or b"")

    answer = browser.post(page(credential), {"name": "builds", "host": "Registry.Example.com."})

    assert answer["Location"] == reverse("registries:detail", args=["acme", credential.pk])
    credential.refresh_from_db()
    assert (credential.name, credential.host, bytes(credential.sealed or b"")) == ("builds", HOST, before)


def test_another_host_destroys_the_secret_and_asks_for_it_again(browser: Client, credential: Credential) -> None:
    answer = browser.post(page(credential), {"name": "builds", "host": "other.example.com"}, follow=True)

    credential.refresh_from_db()
    assert (credential.sealed, credential.destroyed_because) == (None, "replaced")
    assert credential.host == HOST  # the receipt stays true
    form = answer.context["form"]
    assert (form["host"].value(), form["username"].value(), form["name"].value()) == (
        "other.example.com",
        USER,
        "builds",
    )
    assert form["hold"].value() == "hour"
    assert SECRET not in answer.text

    typed = {"host": "other.example.com", "username": USER, "password": SECRET, "name": "builds", "hold": "hour"}
    browser.post(answer.redirect_chain[-1][0], typed)
    assert [held.host for held in Credential.objects.filter(destroyed_at=None)] == ["other.example.com"]


def test_the_new_host_s_kind_is_known(browser: Client, credential: Credential) -> None:
    answer = browser.post(page(credential), {"name": "x", "host": "ghcr.io"}, follow=True)

    assert answer.context["provider"].kind == "ghcr"


@pytest.mark.parametrize(
    "slip", [{"host": "https://x"}, {"host": ""}, {"host": "10.0.0.1"}, {"name": ""}, {"name": "a\u202eb"}]
)
def test_a_slip_changes_nothing(slip: dict[str, str], browser: Client, credential: Credential) -> None:
    answer = browser.post(page(credential), {"name": "new", "host": "other.example.com"} | slip)

    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == set(slip)
    credential.refresh_from_db()
    assert credential.is_live
    assert credential.name == "registry"


def test_a_receipt_can_be_renamed_and_nothing_else(browser: Client, credential: Credential) -> None:
    empty_credential(credential.pk, reason="settled")

    assert 'name="host"' not in browser.get(page(credential)).text
    browser.post(page(credential), {"name": "old one", "host": "other.example.com"})

    credential.refresh_from_db()
    assert (credential.name, credential.host, credential.destroyed_because) == ("old one", HOST, "settled")


def test_a_kind_with_one_host_has_no_other(browser: Client, acme: Organization) -> None:
    values = {"username": USER, "password": SECRET}
    hub = store_credential(
        NewCredential(provider="docker_hub", name="hub", host="docker.io", values=values),
        organization_id=acme.pk,
        created_by_id=None,
    )

    browser.post(page(hub), {"name": "hub 2", "host": "other.example.com"})

    hub.refresh_from_db()
    assert (hub.name, hub.host, hub.is_live) == ("hub 2", "docker.io", True)


@pytest.mark.parametrize("replaces", ["", "x" * 5000, "00000000-0000-4000-8000-000000000000"])
def test_replacing_what_is_not_there(replaces: str, browser: Client) -> None:
    answer = browser.get(reverse("registries:new", args=["acme"]), {"kind": "self_hosted", "replaces": replaces})

    assert answer.status_code == 200


def test_replacing_what_another_organization_has(browser: Client, mallory: User) -> None:
    other = make_credential(mallory.organizations.get(), HOST, username="umbrella-robot")

    answer = browser.get(reverse("registries:new", args=["acme"]), {"kind": "self_hosted", "replaces": str(other.pk)})

    assert "umbrella-robot" not in answer.text


def test_replacing_offers_nothing_that_was_written_into_the_database(browser: Client, credential: Credential) -> None:
    Credential.objects.update(ca="-----BEGIN CERTIFICATE-----\nmallory")

    answer = browser.get(
        reverse("registries:new", args=["acme"]), {"kind": "self_hosted", "replaces": str(credential.pk)}
    )

    assert "mallory" not in answer.text
    assert answer.context["form"]["username"].value() is None


@pytest.mark.parametrize("field", ["name", "host"])
@pytest.mark.parametrize(
    "login",
    [
        "docker login registry.example.com -u alice -p canary-password",
        "machine registry.example.com login alice password canary-password",
        "registry: registry.example.com username: alice password: canary-password",
        '{"auths": {"registry.example.com": {"username": "alice", "password": "canary-password"}}}',
    ],
)
def test_a_login_is_not_a_name(browser: Client, credential: Credential, field: str, login: str) -> None:
    answer = browser.post(page(credential), {"name": "builds", "host": HOST} | {field: login})

    assert answer.status_code == 422
    text = answer.content.decode()
    assert "This is a whole login, which was not kept." in text
    assert "canary-password" not in text
    credential.refresh_from_db()
    assert (credential.name != "builds", credential.host) == (True, HOST)


def test_what_is_no_host_is_not_shown_again(browser: Client, credential: Credential) -> None:
    answer = browser.post(page(credential), {"name": "builds", "host": "registry.example.com alice canary-password"})
    assert answer.status_code == 422
    assert b"canary-password" not in answer.content
