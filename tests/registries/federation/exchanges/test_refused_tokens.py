"""Tokens that no cloud may take: the other side judges issuer, subject, audience, signature and time by itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from joserfc.jwk import OctKey, RSAKey

from groups.models import Quota
from portal.models import Organization
from registries.failures import TrustRefused
from registries.federation.identities import Identity
from registries.federation.tokens import IssuedToken
from tests.support.fakes.clouds.server import Clouds
from tests.support.trusts import CASES, KINDS, CloudCase, exchange, forged, publish_issuers, refusal, token_for

each_kind = pytest.mark.parametrize("case", KINDS, ids=lambda case: case.kind)


@each_kind
def test_another_organization_that_names_this_role(
    clouds: Clouds, identity: Identity, umbrella: Organization, case: CloudCase
) -> None:
    """The confused deputy: Mallory adds a trust with Acme's role, and the portal asks in Umbrella's name."""
    token = token_for(identity, case)
    case.allow(clouds, token.issuer, token.subject)
    publish_issuers(clouds, umbrella)
    theirs = Identity(umbrella.uuid, "umbrella", umbrella.projects.get().uuid, "default")

    failure = refusal(clouds, case, token_for(theirs, case).text)

    assert isinstance(failure, TrustRefused)
    assert failure.params["case"] == "issuer"
    assert not failure.retryable


@each_kind
def test_another_project(clouds: Clouds, identity: Identity, case: CloudCase) -> None:
    token = token_for(identity, case)
    case.allow(clouds, token.issuer, token.subject)
    other = Identity(identity.organization_uuid, "acme", uuid4(), "other")

    failure = refusal(clouds, case, token_for(other, case).text)

    assert isinstance(failure, TrustRefused)
    assert failure.params["case"] == "subject"


@each_kind
def test_another_audience(clouds: Clouds, identity: Identity, case: CloudCase) -> None:
    token = token_for(identity, case, audience="somebody-else")
    case.allow(clouds, token.issuer, token.subject)

    failure = refusal(clouds, case, token.text)

    assert isinstance(failure, TrustRefused)
    assert failure.params["case"] == "audience"


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: forged(token, key=OctKey.import_key("x" * 32), header={"alg": "HS256"}),
        lambda token: forged(token, header={"alg": "RS512"}),
        lambda token: forged(token, header={"kid": "unknown"}),
        lambda token: forged(token, key=RSAKey.generate_key(2048)),
    ],
    ids=["another kind of algorithm", "another algorithm", "unknown kid", "another key"],
)
@each_kind
def test_another_signature(
    clouds: Clouds, identity: Identity, case: CloudCase, forge: Callable[[IssuedToken], str]
) -> None:
    token = token_for(identity, case)
    case.allow(clouds, token.issuer, token.subject)

    failure = refusal(clouds, case, forge(token))

    assert isinstance(failure, TrustRefused)
    assert failure.params["case"] == "key"


@each_kind
def test_a_key_that_was_replaced(clouds: Clouds, identity: Identity, case: CloudCase) -> None:
    token = token_for(identity, case)
    case.allow(clouds, token.issuer, token.subject)
    path = f"/oidc/{identity.organization_uuid}/jwks"
    other = RSAKey.generate_key(2048).as_dict(private=False) | {"kid": "next", "use": "sig"}
    clouds.documents[path] = (200, json.dumps({"keys": [other]}).encode())

    failure = refusal(clouds, case, token.text)

    assert isinstance(failure, TrustRefused)
    assert failure.params["case"] == "key"


@pytest.mark.parametrize("hours", [-1, 1], ids=["expired", "not yet valid"])
@each_kind
def test_another_time(clouds: Clouds, identity: Identity, case: CloudCase, hours: int) -> None:
    token = token_for(identity, case)
    case.allow(clouds, token.issuer, token.subject)
    issued_at = int(token.issued_at.timestamp()) + hours * 3600
    text = forged(token, iat=issued_at, nbf=issued_at, exp=issued_at + 300)

    failure = refusal(clouds, case, text)

    assert isinstance(failure, TrustRefused)
    assert failure.params["case"] == "time"


@each_kind
def test_the_issuer_of_an_organization_that_is_gone(
    clouds: Clouds, identity: Identity, acme: Organization, case: CloudCase
) -> None:
    token = token_for(identity, case)
    case.allow(clouds, token.issuer, token.subject)
    Quota.objects.filter(organization_id=acme.pk).update(suspended_at=Now())
    publish_issuers(clouds, acme)

    failure = refusal(clouds, case, token.text)

    assert isinstance(failure, TrustRefused)
    assert failure.params["case"] == "keys"
    assert failure.retryable


def test_a_role_whose_policy_is_for_another_repository(clouds: Clouds, identity: Identity) -> None:
    case = CASES["ecr"]
    token = token_for(identity, case)
    case.allow(clouds, token.issuer, token.subject)
    login = exchange(clouds, case, token.text, repository="shop/other")

    assert clouds.aws.reads(login.secret) == set()
