"""Secrets in the wrong field of a credential form: refused, never rendered, and the way out."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from registries.forms.credential import CredentialForm
from registries.providers import PROVIDERS, Provider

SECRET = "canary-7f3a-secret"  # pragma: allowlist secret
TOKEN = "ghp_" + "CANARY7f3aCANARY7f3a" + "CANARY7f3aCANARY"  # pragma: allowlist secret
RANDOM = "Zk3rT9wQx7LmB2vNc8YhJ4pD"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # pragma: allowlist secret
SELF_HOSTED = PROVIDERS["self_hosted"]
GOOD = {"host": "registry.example.com", "username": "deploy", "password": SECRET, "name": "", "hold": "pull"}
PAIRS = pytest.mark.parametrize(
    "provider", [kind for kind in PROVIDERS.values() if kind.name_and_secret], ids=lambda kind: kind.kind
)


def rendered(form: CredentialForm) -> str:
    return "".join(str(field) + str(field.errors) for field in form) + str(form.errors)


def values_of(provider: Provider, value: str) -> dict[str, str]:
    return {declared.name: value for declared in provider.fields} | {"hold": "pull", "host": "registry.example.com"}


@PAIRS
def test_a_token_in_the_field_for_the_name_is_not_taken_and_not_rendered(provider: Provider) -> None:
    name, _ = provider.name_and_secret or ("", "")

    form = CredentialForm(values_of(provider, SECRET) | {name: TOKEN}, provider=provider)

    assert not form.is_valid()
    assert "GitHub token" in str(form.errors[name])
    assert TOKEN not in rendered(form)
    assert form.offers_swap


@pytest.mark.parametrize("field", ["username", "host", "name", "trial"])
@pytest.mark.parametrize("keep", ["", "on"])
def test_no_shown_field_keeps_a_token_whatever_is_confirmed(field: str, keep: str) -> None:
    form = CredentialForm(GOOD | {field: TOKEN, "keep": keep}, provider=SELF_HOSTED)

    assert field in form.errors
    assert TOKEN not in rendered(form)


def test_a_private_key_is_no_certificate() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMIICanary7f3a\n-----END PRIVATE KEY-----"

    form = CredentialForm(GOOD | {"ca": pem}, provider=SELF_HOSTED)

    assert "private key" in str(form.errors["ca"])
    assert "MIICanary7f3a" not in rendered(form)


def test_what_may_be_harmless_can_be_kept() -> None:
    asked = CredentialForm(GOOD | {"username": RANDOM}, provider=SELF_HOSTED)
    kept = CredentialForm(GOOD | {"username": RANDOM, "keep": "on"}, provider=SELF_HOSTED)

    assert list(asked.errors) == ["username"]
    assert asked.has_suspicious_input
    assert RANDOM not in rendered(asked)
    assert kept.is_valid(), kept.errors
    assert kept.new_credential().values["username"] == RANDOM


def test_swapped_fields_are_exchanged_in_one_request() -> None:
    form = CredentialForm(GOOD | {"username": TOKEN, "password": "octocat", "fix": "swap"}, provider=SELF_HOSTED)

    assert form.is_valid(), form.errors
    assert form.new_credential().values == {"username": "octocat", "password": TOKEN}


def test_swapping_does_not_put_a_secret_where_it_is_shown() -> None:
    form = CredentialForm(GOOD | {"username": "octocat", "password": TOKEN, "fix": "swap"}, provider=SELF_HOSTED)

    assert not form.is_valid()
    assert TOKEN not in rendered(form)


def test_swapped_keys_of_aws() -> None:
    typed = {"host": "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "hold": "pull"}
    typed |= {"access_key_id": AWS_SECRET, "secret_access_key": "AKIAIOSFODNN7EXAMPLE"}

    refused = CredentialForm(typed | {"keep": "on"}, provider=PROVIDERS["ecr"])
    swapped = CredentialForm(typed | {"fix": "swap"}, provider=PROVIDERS["ecr"])

    assert "access_key_id" in refused.errors
    assert AWS_SECRET not in rendered(refused)
    assert swapped.is_valid(), swapped.errors


@pytest.mark.parametrize("field", ["username", "host", "name", "password"])
@pytest.mark.parametrize(
    "text",
    [
        f"docker login registry.example.com -u deploy -p {SECRET}",
        f"echo {SECRET} | docker login registry.example.com -u deploy --password-stdin",
        json.dumps({"auths": {"registry.example.com": {"username": "deploy", "password": SECRET}}}),
    ],
)
def test_a_login_is_read_in_whichever_field_it_is(field: str, text: str) -> None:
    empty = {"host": "", "username": "", "password": "", "name": "", "hold": "pull"}

    form = CredentialForm(empty | {field: text}, provider=SELF_HOSTED)

    assert form.is_valid(), form.errors
    new = form.new_credential()
    assert (new.host, dict(new.values)) == ("registry.example.com", {"username": "deploy", "password": SECRET})
    assert new.name == "deploy at registry.example.com"
    assert SECRET not in rendered(form)


def test_a_login_beside_an_image_is_read_too() -> None:
    line = f"docker login registry.example.com -u deploy -p {SECRET}"

    form = CredentialForm({"new-username": line}, provider=SELF_HOSTED, host="registry.example.com", prefix="new")

    assert form.is_valid(), form.errors
    assert form.new_credential().values == {"username": "deploy", "password": SECRET}


def test_what_a_credential_was_entered_with_is_not_offered_again_if_it_is_a_secret() -> None:
    form = CredentialForm(provider=SELF_HOSTED, initial={"username": TOKEN, "name": "builds"})

    assert TOKEN not in rendered(form)
    assert "builds" in rendered(form)


HARMLESS: list[Mapping[str, str]] = [
    {"username": "e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d"},
    {"username": "robot$team+builder"},
    {"username": "gitlab+deploy-token-1234567"},
    {"username": "first.last@very-long-company-name.example.com"},
    {"username": "_json_key", "name": "Staging pulls, European Union, for the nightly render farm"},
    {"name": "CI of team-a/project-b (main)"},
    {"trial": "team/app@sha256:" + "0123456789abcdef" * 4},
    {"trial": "team/app:" + "0123456789abcdef" * 2 + "01234567"},
]


@pytest.mark.parametrize("typed", HARMLESS, ids=lambda typed: next(iter(typed.values()))[:30])
def test_what_is_no_secret_passes(typed: Mapping[str, str]) -> None:
    form = CredentialForm(GOOD | dict(typed), provider=SELF_HOSTED)

    assert form.is_valid(), form.errors


LONE = [
    "e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d",  # a key of Heroku, a token of npm
    " E61BE6A0-1F10-4D3B-8A0E-0C3B5F1F4C8D ",
    "0123456789abcdef" * 2 + "01234567",  # an old token of GitHub
    "0123456789abcdef" * 4,  # of DigitalOcean
    "0123456789abcdef" * 2,
]
CHOSEN = [kind for kind in PROVIDERS.values() if kind.has_chosen_names]


@pytest.mark.parametrize("lone", LONE)
@pytest.mark.parametrize("provider", CHOSEN, ids=lambda kind: kind.kind)
def test_an_id_is_no_name(provider: Provider, lone: str) -> None:
    good = values_of(provider, "robot") | {"name": ""}
    for field in ("username", "name"):
        asked = CredentialForm(good | {field: lone}, provider=provider)
        kept = CredentialForm(good | {field: lone, "keep": "on"}, provider=provider)
        assert field in asked.errors
        assert asked.has_suspicious_input
        assert lone.strip() not in rendered(asked)
        assert field not in kept.withheld


def test_kinds_whose_user_names_can_be_ids() -> None:
    assert {kind.kind for kind in CHOSEN} == {"docker_hub", "ghcr", "quay", "gitlab", "artifactory", "nexus", "gitea"}
    application = "e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d"
    typed = {"username": application, "password": SECRET, "host": "acme.azurecr.io", "hold": "pull"}
    form = CredentialForm(typed, provider=PROVIDERS["acr"])
    assert form.is_valid(), form.errors


@pytest.mark.parametrize("name", ["build 0123456789abcdef0123", "deploy-e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d"])
def test_a_name_with_an_id_in_it_passes(name: str) -> None:
    form = CredentialForm(GOOD | {"name": name}, provider=SELF_HOSTED)
    assert form.is_valid(), form.errors
