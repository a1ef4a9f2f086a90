"""Cloudsmith: API keys of users and service accounts, entitlement tokens.

An entitlement token goes with the user name `token` (Cloudsmith docs, "Docker Registry"). A quota that is used up is a
402 (convoy#2143, caddyserver/dist#114), a quarantined package a 403 (Cloudsmith docs, "Package Quarantine").
"""

from __future__ import annotations

from registries.failures import RegistryRefuses
from registries.providers.base import Provider
from registries.providers.checks import Field, no_colon
from registries.providers.rules import Rule

CLOUDSMITH_WORDS = (
    Rule(RegistryRefuses, statuses=(402,), case="payment"),
    Rule(
        RegistryRefuses,
        statuses=(403, 404, 451),
        words=("quarantined", "policy violation", "violates policy", "blocked by a policy", "denied by policy"),
        case="policy",
    ),
)
"""What Cloudsmith says in words of its own, at domains of its customers too."""

CLOUDSMITH = Provider(
    kind="cloudsmith",
    name="Cloudsmith",
    called="Cloudsmith's registry",
    mark="Cs",
    hosts=(r"docker\.cloudsmith\.(?:io|com)",),
    usual_host="docker.cloudsmith.io",
    host_help="docker.cloudsmith.io, or your workspace's own domain for Docker.",
    fields=(
        Field(
            name="username",
            label="User name",
            help="A service account or user, for its API key. An entitlement token goes with the user name token.",
            placeholder="token",
        ),
        Field(
            name="password",
            label="API key or entitlement token",
            help="In Cloudsmith: the repository, Entitlements, a token; or your workspace, Accounts, Services, a "
            "service account with the privilege Read.",
            secret=True,
        ),
    ),
    checks=(no_colon,),
    rules=CLOUDSMITH_WORDS,
    guide="registries/guides/cloudsmith.html",
    hints={
        "authentication_failed": "Enter an entitlement token with the user name token, or an API key with the name of "
        "its account. See that neither is disabled, expired or refreshed.",
        "access_denied": "Give the service account the privilege Read on the repository. An entitlement token belongs "
        "to one repository and may be limited to some packages.",
        "image_not_found": "See Packages of the repository. The image is named docker.cloudsmith.io/WORKSPACE/"
        "REPOSITORY/IMAGE. A package in quarantine may be missing too.",
        "registry_refuses": "A 402 means that the workspace's quota is used up: Settings, Billing & Usage. Otherwise "
        "the package is quarantined or a policy blocks it: see its page, and release it there.",
        "rate_limited": "Cloudsmith limits requests of an account or token; it works again after a short wait.",
        "credential_malformed": "Enter the user name token with an entitlement token, or an account with its API key.",
        "registry_unreachable": "status.cloudsmith.com tells of outages.",
    },
)
