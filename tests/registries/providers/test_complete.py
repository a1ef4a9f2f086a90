"""A kind of registry that is offered has all that belongs to it."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

import pytest
from django.template.loader import render_to_string

from registries.failures import FAILURES
from registries.models import Credential
from registries.providers import PROVIDERS, Provider
from registries.providers.base import Section
from tests.registries.providers.test_public import ANONYMOUS
from tests.support.registry_simulations import Pretence

KINDS = [
    "docker_hub", "ghcr", "ecr", "google", "acr", "quay", "gitlab", "digitalocean", "ocir", "scaleway", "alibaba",
    "cloudsmith",
    "harbor", "artifactory", "nexus", "gitea", "self_hosted",
    "ecr_public", "mcr", "kubernetes", "distroless", "lscr",
]  # fmt: skip
WITHOUT_CREDENTIAL = ["mcr", "kubernetes", "distroless", "lscr"]
ABOUT_IMAGES = {"authentication_failed", "access_denied", "image_not_found", "rate_limited", "registry_unreachable"}
MAIN_CODES = ABOUT_IMAGES | {"credential_malformed"}

SECRETS = (
    {kind: {"password"} for kind in KINDS}
    | {kind: {"secret_access_key", "session_token"} for kind in ("ecr", "ecr_public")}
    | {"google": {"key"}}
    | {kind: set() for kind in WITHOUT_CREDENTIAL}
)

DOCUMENTATION = Path(__file__).parents[3] / "docs/registries.md"

each_provider = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=list(PROVIDERS))


def test_all_are_offered() -> None:
    assert list(PROVIDERS) == KINDS


def test_those_of_a_section_are_together() -> None:
    sections = [section for section, _ in groupby(provider.section for provider in PROVIDERS.values())]
    assert sections == list(Section)


@each_provider
def test_what_is_sealed_and_where_it_may_be_sent(provider: Provider) -> None:
    """Fields that are not secret stay on the receipt."""
    assert provider.secret_names == SECRETS[provider.kind]
    limits = {field.limit for field in provider.fields}
    assert limits <= {64 * 1024 if provider.kind == "google" else 8 * 1024}
    optional = [field.name for field in provider.fields if field.optional]
    assert optional == ["session_token"] * (provider.kind in {"ecr", "ecr_public"})


@each_provider
def test_it_has_hints_for_the_main_failures(provider: Provider) -> None:
    assert set(provider.hints) >= (MAIN_CODES if provider.fields else ABOUT_IMAGES)
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
    if provider.is_public:
        assert provider.kind in ANONYMOUS
        return
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
    assert provider.hosts or provider.labels or provider.kind == "self_hosted"
    if provider.usual_host:
        assert provider.recognises(provider.usual_host)
    assert bool(provider.secret_names) == (provider.kind not in WITHOUT_CREDENTIAL)
    assert provider.is_public or provider.fields
    names = [field.name for field in provider.fields]
    assert len(set(names)) == len(names)
    for field in provider.fields:
        assert field.label
        assert field.help.endswith(".")


@each_provider
def test_its_values_are_repeated_nowhere(provider: Provider, pretences: Mapping[str, Pretence]) -> None:
    if provider.is_public:
        return
    pretence = pretences[provider.kind]
    checked = provider.check(pretence.values, pretence.host)
    assert provider.warnings(pretence.values) == ()
    assert provider.check(checked, pretence.host) == checked
    if provider.kind != "ecr":  # which asks AWS
        login = provider.login(pretence.values, pretence.host)
        assert (login.username, login.secret) == (pretence.username, pretence.secret)
        assert login.secret not in repr(login) or login.username == login.secret


@each_provider
def test_it_is_in_the_documentation(provider: Provider) -> None:
    assert re.search(rf"^\| `{provider.kind}` \|", DOCUMENTATION.read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("kind", "code", "case", "shown"),
    [
        ("harbor", "tls_invalid", "unknown_authority", True),
        ("harbor", "tls_invalid", "expired", False),
        ("harbor", "registry_refuses", "policy", True),
        ("harbor", "registry_refuses", "busy", False),
        ("nexus", "registry_refuses", "payment", False),
        ("gitlab", "registry_refuses", "policy", False),
        ("cloudsmith", "registry_refuses", "payment", True),
        ("harbor", "access_denied", "", True),
        ("harbor", "access_denied", "none_given", False),
        ("docker_hub", "access_denied", "page", False),
        ("kubernetes", "access_denied", "none_given", True),
        ("kubernetes", "host_unknown", "service", False),
    ],
)
def test_a_fix_does_not_contradict_the_remedy(kind: str, code: str, case: str, shown: bool) -> None:
    """Below "Another authority doesn't help" it said "Paste Harbor's certificate authority"."""
    assert bool(PROVIDERS[kind].hint(code, {"case": case} if case else {})) is shown


@pytest.mark.parametrize(
    ("kind", "code", "service", "shown"),
    [
        ("harbor", "registry_unreachable", "registry", True),
        ("harbor", "registry_unreachable", "storage", False),
        ("self_hosted", "registry_unreachable", "sign_in", False),
        ("docker_hub", "registry_unreachable", "sign_in", True),
        ("harbor", "registry_refuses", "registry", False),
        ("ecr", "registry_refuses", "registry", True),
    ],
)
def test_a_fix_is_for_the_service_that_failed(kind: str, code: str, service: str, shown: bool) -> None:
    """A status page tells of a public service's storage too; curl to a Harbor's host tells nothing of a MinIO. A plain
    409 of Harbor is none of its policies."""
    assert bool(PROVIDERS[kind].hint(code, {"service": service})) is shown
