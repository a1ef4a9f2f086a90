"""What Acme set up at each cloud, as its members would: a trust's settings, and the other side of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import pytest
from django.test import Client
from joserfc import jwt
from joserfc.jwk import RSAKey

from portal.models import Organization, Project
from registries.failures import PullFailed
from registries.federation.exchanges import Exchange, sign_in
from registries.federation.identities import Identity
from registries.federation.tokens import IssuedToken, issue
from registries.foundation.actor import CONSOLE
from registries.models import Trust
from registries.oci.address_guard import AddressGuard
from registries.oci.login import Login
from registries.oci.timeouts import Timeouts
from registries.oci.transport import Session
from registries.providers.base import Connect
from registries.providers.trust_kinds import TRUST_KINDS
from registries.secrets import issuer_keys
from registries.trusts.actions import NewTrust, add_trust
from registries.trusts.presentation import Presentation, presentation_of
from tests.support.fakes.clouds.azure import FederatedCredential
from tests.support.fakes.clouds.quay import Binding
from tests.support.fakes.clouds.server import ACR_HOST, ECR_HOST, GOOGLE_HOST, OWN_QUAY_HOST, QUAY_HOST, Clouds

REPOSITORY, OTHER_REPOSITORY = "shop/web", "shop/secret"
ROLE = "arn:aws:iam::123456789012:role/drayage-pull"
POOL = "projects/123456789012/locations/global/workloadIdentityPools/drayage/providers/drayage"
ACCOUNT = "drayage@acme.iam.gserviceaccount.com"
TENANT, CLIENT = "72f988bf-86f1-41af-91ab-2d7cd011db47", "e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d"
ROBOT = "acme+drayage"


@dataclass(frozen=True)
class CloudCase:
    """One cloud: the trust, its audience, and how a customer lets a subject of an issuer in."""

    kind: str
    host: str
    settings: dict[str, str]
    audience: str
    allow: Callable[[Clouds, str, str], None]
    suffix: str = ""


def _allow_at_aws(clouds: Clouds, issuer: str, subject: str) -> None:
    bare = issuer.partition("://")[2]
    conditions = {"StringEquals": {f"{bare}:sub": subject, f"{bare}:aud": "sts.amazonaws.com"}}
    clouds.aws.trust(ROLE, issuer, conditions, {REPOSITORY, OTHER_REPOSITORY})


def _allow_at_google(clouds: Clouds, issuer: str, subject: str) -> None:
    clouds.google.trust(POOL, issuer, subject)
    clouds.google.readers[f"principal:{subject}"] = {REPOSITORY}


def _allow_account_at_google(clouds: Clouds, issuer: str, subject: str) -> None:
    clouds.google.trust(POOL, issuer, subject)
    clouds.google.impersonators[ACCOUNT] = {subject}
    clouds.google.readers[ACCOUNT] = {REPOSITORY}


def _allow_at_azure(clouds: Clouds, issuer: str, subject: str) -> None:
    clouds.azure.applications[TENANT, CLIENT] = [FederatedCredential(issuer, subject)]
    clouds.azure.pullers[ACR_HOST] = {CLIENT}
    clouds.azure.repositories[ACR_HOST] = {REPOSITORY}


def _allow_at_quay(host: str) -> Callable[[Clouds, str, str], None]:
    def allow(clouds: Clouds, issuer: str, subject: str) -> None:
        clouds.quay.robots[host, ROBOT] = [Binding(issuer, subject, host)]
        clouds.quay.readers[ROBOT] = {REPOSITORY}

    return allow


CASES = {
    "ecr": CloudCase("ecr", ECR_HOST, {"role_arn": ROLE}, "sts.amazonaws.com", _allow_at_aws),
    "google": CloudCase(
        "google", GOOGLE_HOST, {"provider": POOL}, f"https://iam.googleapis.com/{POOL}", _allow_at_google
    ),
    "google account": CloudCase(
        "google",
        GOOGLE_HOST,
        {"provider": POOL, "service_account": ACCOUNT},
        f"https://iam.googleapis.com/{POOL}",
        _allow_account_at_google,
    ),
    "acr": CloudCase(
        "acr", ACR_HOST, {"tenant_id": TENANT, "client_id": CLIENT}, "api://AzureADTokenExchange", _allow_at_azure
    ),
    "quay": CloudCase("quay", QUAY_HOST, {"robot": ROBOT}, QUAY_HOST, _allow_at_quay(QUAY_HOST)),
    "own quay": CloudCase(
        "quay",
        OWN_QUAY_HOST,
        {"robot": ROBOT},
        OWN_QUAY_HOST,
        _allow_at_quay(OWN_QUAY_HOST),
        f":host:{OWN_QUAY_HOST}",
    ),
}
"""By name. Each kind is there at least once."""
KINDS = [CASES[kind] for kind in ("ecr", "google", "acr", "quay")]
"""One of each kind."""


def guard_of(clouds: Clouds) -> AddressGuard:
    """Return a guard for which the clouds' names lead to loopback."""
    return AddressGuard([ip_network("127.0.0.0/8")], resolver=clouds.resolve)


def connect_to(clouds: Clouds, timeouts: Timeouts) -> Connect:
    """Return how the portal connects to the clouds."""
    guard = guard_of(clouds)
    return lambda host: Session(host, guard, clouds.ca_file, timeouts)


def token_for(identity: Identity, case: CloudCase, **changed: Any) -> IssuedToken:
    """Return a token for a pull of Acme's image."""
    given = {"audience": case.audience, "subject_suffix": case.suffix, "group": "web", "pull": "pull-7"}
    return issue(identity, **{**given, "image": f"{case.host}/{REPOSITORY}:1.0", **changed})


def exchange(clouds: Clouds, case: CloudCase, token: str, repository: str = REPOSITORY, **settings: str) -> Login:
    """Exchange a token, with little patience."""
    wanted = Exchange(case.kind, case.host, repository, {**case.settings, **settings}, "pull-7")
    return sign_in(wanted, token, connect_to(clouds, Timeouts(connect=1, read=0.5, head=0.5, document=0.5)))


def refusal(clouds: Clouds, case: CloudCase, token: str, **settings: str) -> PullFailed:
    """Return the failure of an exchange, in which there is nothing of the token."""
    with pytest.raises(PullFailed) as raised:
        exchange(clouds, case, token, **settings)
    failure = raised.value
    shown = text_of([failure.params, failure.raw, repr(failure), str(failure), failure.words])
    assert token.split(".")[1] not in shown
    assert failure.__cause__ is None
    return failure


def forged(token: IssuedToken, *, key: Any = None, header: dict[str, Any] | None = None, **changed: Any) -> str:
    """Return a token with other claims or header, signed by somebody who has the portal's key, or with another one."""
    signing = issuer_keys.signing_key()
    claims = jwt.decode(token.text, signing, algorithms=["RS256"]).claims | changed
    head = {"alg": "RS256", "kid": signing.kid, **(header or {})}
    return jwt.encode(head, claims, key or RSAKey.import_key(signing.as_pem(private=True)), algorithms=[head["alg"]])


def publish_issuers(clouds: Clouds, *organizations: Organization) -> None:
    """Have `portal.example` serve the documents of these issuers as the portal serves them now."""
    documents, browser = {}, Client()
    for organization in organizations:
        for document in (".well-known/openid-configuration", "jwks"):
            path = f"/oidc/{organization.uuid}/{document}"
            response = browser.get(path, headers={"Host": "portal.example"})
            documents[path] = (response.status_code, response.content)
    clouds.publish(documents)


def text_of(value: object) -> str:
    """Return everything that is in a value, to look for a secret in it."""
    return json.dumps(value, default=repr)


def add_trust_of(organization: Organization, case: CloudCase, **changed: Any) -> Trust:
    """Add the trust of a case as a member does."""
    given = {"name": f"{case.kind} trust", "provider": case.kind, "host": case.host, "settings": case.settings}
    return add_trust(NewTrust(**{**given, **changed}), organization_id=organization.pk, by=CONSOLE)


def presented(trust: Trust, project: Project) -> Presentation:
    """Return what tokens of a trust say for a project."""
    kind = TRUST_KINDS[trust.provider]
    return presentation_of(kind, trust.host, trust.settings, project.organization, project)
