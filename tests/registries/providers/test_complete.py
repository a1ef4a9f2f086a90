"""A kind of registry that is offered has all that belongs to it."""

from __future__ import annotations

import string
from collections.abc import Mapping
from pathlib import Path

import pytest
from django.template.loader import render_to_string

from registries.failures import FAILURES
from registries.models import Credential
from registries.providers import PROVIDERS, Provider
from tests.support.registry_simulations import Pretence

KINDS = ["docker_hub", "ghcr", "ecr", "google", "acr", "quay", "self_hosted"]
MAIN_CODES = {
    "authentication_failed",
    "access_denied",
    "image_not_found",
    "rate_limited",
    "registry_unreachable",
    "credential_malformed",
}

SECRETS = {
    "docker_hub": {"password"},
    "ghcr": {"password"},
    "ecr": {"secret_access_key", "session_token"},
    "google": {"key"},
    "acr": {"password"},
    "quay": {"password"},
    "self_hosted": {"password"},
}
TOKEN_HOSTS = dict.fromkeys(KINDS, ()) | {"docker_hub": ("auth.docker.io",)}

each_provider = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=list(PROVIDERS))


def test_all_seven_are_offered() -> None:
    assert list(PROVIDERS) == KINDS


@each_provider
def test_what_is_sealed_and_where_it_may_be_sent(provider: Provider) -> None:
    """Fields that are not secret stay on the receipt; a token host gets the secret."""
    assert provider.secret_names == SECRETS[provider.kind]
    assert provider.token_hosts == TOKEN_HOSTS[provider.kind]
    assert {field.limit for field in provider.fields} == {64 * 1024 if provider.kind == "google" else 8 * 1024}
    assert [field.name for field in provider.fields if field.optional] == ["session_token"] * (provider.kind == "ecr")


@each_provider
def test_it_has_hints_for_the_main_failures(provider: Provider) -> None:
    assert set(provider.hints) >= MAIN_CODES
    assert set(provider.hints) <= set(FAILURES)
    for hint in provider.hints.values():
        assert hint.endswith(".")
        assert len(hint) < 500
        assert not [name for _, name, _, _ in string.Formatter().parse(hint) if name]


@each_provider
def test_it_has_a_guide(provider: Provider) -> None:
    assert provider.guide == f"registries/guides/{provider.kind}.html"
    guide = render_to_string(provider.guide)
    for title in ("What you need", "Where to get it", "What to paste", "Usual traps"):
        assert guide.count(f"<h2>{title}</h2>") == 1
    for field in provider.fields:
        assert f'<th scope="row">{field.label}</th>' in guide
    assert ('<th scope="row">Host</th>' in guide) == (not provider.host)


@each_provider
def test_it_has_tests_and_a_pretence(provider: Provider, pretences: Mapping[str, Pretence]) -> None:
    assert (Path(__file__).parent / f"test_{provider.kind}.py").is_file()
    pretence = pretences[provider.kind]
    assert pretence.kind == provider.kind
    assert set(pretence.values) <= {field.name for field in provider.fields}


@each_provider
def test_it_says_what_to_enter(provider: Provider) -> None:
    assert len(provider.kind) <= Credential._meta.get_field("provider").max_length  # type: ignore[operator]
    assert provider.name
    assert provider.mark
    assert provider.host or provider.host_help
    assert provider.hosts or provider.kind == "self_hosted"
    assert provider.secret_names
    names = [field.name for field in provider.fields]
    assert len(set(names)) == len(names)
    for field in provider.fields:
        assert field.label
        assert field.help.endswith(".")


@each_provider
def test_its_values_are_repeated_nowhere(provider: Provider, pretences: Mapping[str, Pretence]) -> None:
    pretence = pretences[provider.kind]
    checked = provider.check(pretence.values, pretence.host)
    assert provider.warnings(pretence.values) == ()
    assert provider.check(checked, pretence.host) == checked
    if provider.kind != "ecr":  # which asks AWS
        login = provider.login(pretence.values, pretence.host)
        assert (login.username, login.secret) == (pretence.username, pretence.secret)
        assert login.secret not in repr(login)
