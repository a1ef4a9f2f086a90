"""What a token says, for whom, and who can sign one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from pytest_django import Settings

from portal.models import Organization, Project, User
from registries.federation.identities import Identity, IdentityAltered, identity_of
from registries.federation.issuer import CLAIMS, HttpsNeeded
from registries.federation.subjects import MAX_LENGTH, subject_of
from registries.federation.tokens import IssuedToken, issue
from registries.secrets import issuer_keys
from registries.secrets.keyring import KeyUnavailable

AUDIENCE = "sts.amazonaws.com"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:1.2"


@pytest.fixture(autouse=True)
def _public_address(settings: Settings) -> None:
    settings.PORTAL_PUBLIC_URL = "https://portal.example"


@pytest.fixture
def identity(acme: Organization, project: Project) -> Identity:
    return identity_of(acme, project)


@pytest.fixture
def umbrella(mallory: User) -> Organization:
    """Mallory's own organization."""
    return mallory.organizations.get()


def issued(identity: Identity, **changed: Any) -> IssuedToken:
    given = {"audience": AUDIENCE, "group": "web", "image": IMAGE, "pull": "pull-1", **changed}
    return issue(identity, **given)


def decoded(token: IssuedToken) -> jwt.Token:
    keys: Any = {"keys": issuer_keys.public_keys()}
    return jwt.decode(token.text, KeySet.import_key_set(keys), algorithms=["RS256"])


def test_it_says_who_pulls_what_for_whom(identity: Identity, acme: Organization, project: Project) -> None:
    token = issued(identity)
    claims = decoded(token).claims

    assert claims == {
        "iss": f"https://portal.example/oidc/{acme.uuid}",
        "sub": f"organization:{acme.uuid}:project:{project.uuid}",
        "aud": AUDIENCE,
        "iat": int(token.issued_at.timestamp()),
        "nbf": int(token.issued_at.timestamp()),
        "exp": int(token.issued_at.timestamp()) + 300,
        "jti": token.jti,
        "organization": "acme",
        "project": "default",
        "group": "web",
        "image": IMAGE,
        "pull": "pull-1",
    }
    assert set(claims) == set(CLAIMS)
    assert (token.issuer, token.subject, token.audience) == (claims["iss"], claims["sub"], claims["aud"])
    assert token.expires_at - token.issued_at == timedelta(seconds=300)


def test_its_header_names_a_published_key(identity: Identity) -> None:
    header = decoded(issued(identity)).header

    assert header == {"alg": "RS256", "typ": "JWT", "kid": issuer_keys.public_keys()[-1]["kid"]}


def test_no_two_are_alike(identity: Identity) -> None:
    assert issued(identity).jti != issued(identity).jti


def test_it_is_not_in_its_representation(identity: Identity) -> None:
    token = issued(identity)

    assert token.text not in repr(token)
    assert token.text.count(".") == 2


def test_a_subject_can_be_limited_to_a_registry(identity: Identity) -> None:
    token = issued(identity, subject_suffix=":host:quay.acme.example")

    assert token.subject.endswith(":host:quay.acme.example")
    assert decoded(token).claims["sub"] == token.subject


def test_subjects_are_short_enough_for_google(acme: Organization, project: Project) -> None:
    assert len(subject_of(acme.uuid, project.uuid).encode()) < MAX_LENGTH


def test_the_web_zone_signs_nothing(identity: Identity, settings: Settings) -> None:
    settings.PORTAL_ZONE = "web"

    with pytest.raises(KeyUnavailable):
        issued(identity)


@pytest.mark.parametrize("address", ["http://portal.example", "http://10.0.0.1:8000"])
def test_nothing_is_signed_for_an_issuer_that_clouds_can_not_read(
    identity: Identity, settings: Settings, address: str
) -> None:
    settings.PORTAL_PUBLIC_URL = address

    with pytest.raises(HttpsNeeded, match="PORTAL_PUBLIC_URL"):
        issued(identity)


@pytest.mark.parametrize("address", ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"])
def test_this_machine_alone_needs_no_tls(identity: Identity, settings: Settings, address: str) -> None:
    settings.PORTAL_PUBLIC_URL = address

    assert issued(identity).issuer.startswith(f"{address}/oidc/")


def test_slugs_may_change_and_the_subject_stays(identity: Identity, acme: Organization, project: Project) -> None:
    acme.slug = project.slug = "renamed"
    later = identity_of(acme, project)

    assert issued(later).subject == issued(identity).subject
    assert decoded(issued(later)).claims["organization"] == "renamed"


class TestIdentityOfAChangedDatabase:
    def test_another_organizations_uuid(self, acme: Organization, project: Project, umbrella: Organization) -> None:
        """Mallory swaps the uuids of two organizations with a hand on the database."""
        acme.uuid, umbrella.uuid = umbrella.uuid, acme.uuid

        with pytest.raises(IdentityAltered, match="organization"):
            identity_of(acme, project)

    def test_with_its_mark(self, acme: Organization, project: Project, umbrella: Organization) -> None:
        acme.uuid, acme.identity_mark = umbrella.uuid, umbrella.identity_mark

        with pytest.raises(IdentityAltered, match="organization"):
            identity_of(acme, project)

    def test_another_projects_uuid(self, acme: Organization, project: Project, umbrella: Organization) -> None:
        other = umbrella.projects.get()
        project.uuid, project.identity_mark = other.uuid, other.identity_mark

        with pytest.raises(IdentityAltered, match="project"):
            identity_of(acme, project)

    def test_a_project_that_moved(self, acme: Organization, umbrella: Organization) -> None:
        with pytest.raises(IdentityAltered, match="project"):
            identity_of(acme, umbrella.projects.get())

    def test_no_mark(self, acme: Organization, project: Project) -> None:
        project.identity_mark = ""

        with pytest.raises(IdentityAltered, match="project"):
            identity_of(acme, project)
