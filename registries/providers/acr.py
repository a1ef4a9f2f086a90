"""Azure Container Registry: service principals, repository-scoped tokens, the admin user, refresh tokens.

A repository-scoped token may do what its scope map allows: content/read for a pull, metadata/read for a list of tags
(Azure docs, "Create a token with repository-scoped permissions"; the list asks for the action `metadata_read`,
renovate#14708).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from registries.failures import AccessDenied, AuthenticationFailed
from registries.oci.errors import Stage
from registries.providers.base import Provider
from registries.providers.checks import Field, Unusable, no_colon
from registries.providers.rules import Rule

REFRESH_TOKEN_USER = "00000000-0000-0000-0000-000000000000"  # noqa: S105 (a user name)
"""Azure's user name for a refresh token."""

_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def _variants(values: Mapping[str, str], host: str) -> None:
    username, secret = values["username"], values["password"].strip()
    if "@" in username:
        raise Unusable("Azure takes an application id or token name here, not an e-mail address", "username")
    if username == REFRESH_TOKEN_USER:
        if not _JWT.fullmatch(secret):
            raise Unusable("that user name goes with a token of az acr login --expose-token", "password")
    elif _JWT.fullmatch(secret) and secret.startswith("eyJ"):
        raise Unusable(f"such a token goes with the user name {REFRESH_TOKEN_USER}", "username")
    elif _GUID.fullmatch(secret):
        raise Unusable("that is the secret's ID; paste its Value, which Azure shows only once", "password")


ACR = Provider(
    kind="acr",
    name="Azure Container Registry",
    mark="Az",
    hosts=(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,3}azurecr\.(?:io|cn|us|de)",),
    domains=("azurecr.io", "azurecr.cn", "azurecr.us"),
    host_help="The login server on the registry's Overview page, such as acme.azurecr.io.",
    fields=(
        Field(
            name="username",
            label="User name",
            help="The application (client) ID of a service principal, the name of a repository-scoped token, the admin "
            f"user, or {REFRESH_TOKEN_USER} for a token of az acr login --expose-token.",
            placeholder="e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d",
        ),
        Field(
            name="password",
            label="Secret",
            help="The client secret's Value (not its ID), the token's password, the admin password, or the exposed "
            "token.",
            secret=True,
        ),
    ),
    checks=(no_colon, _variants),
    rules=(
        Rule(AccessDenied, statuses=(403,)),
        # A token whose scope map lacks the repository or the action, where Azure names it.
        Rule(AccessDenied, stages=(Stage.TOKEN,), statuses=(401,), words=("repository:",), login=True),
        # The same for a wrong secret, a missing role and one that does not work yet: the secret may be right.
        Rule(AuthenticationFailed, stages=(Stage.TOKEN,), statuses=(401,), login=True, keeps_credential=True),
    ),
    guide="registries/guides/acr.html",
    hints={
        "trust_refused": "In Microsoft Entra ID, App registrations, the application, Certificates & secrets, "
        "Federated credentials: issuer, subject and audience are compared exactly, and each project needs a "
        "credential of its own.",
        "authentication_failed": "Azure answers the same to a wrong or expired secret and to a missing role: check the "
        "secret's expiry under Certificates & secrets, and that the service principal has the role AcrPull on the "
        "registry. Admin users work only while Access keys, Admin user is on; exposed tokens last three hours.",
        "access_denied": "Give the service principal the role AcrPull under Access control (IAM) of the registry, or "
        "the token a scope map with content/read for this repository. With Networking set to selected networks, "
        "allow the portal's address there.",
        "image_not_found": "See Repositories of the registry in the Azure portal, or run az acr repository "
        "show-tags. A token that may not see the repository gets the same answer.",
        "rate_limited": "The registry's service tier (Basic, Standard, Premium) limits how much is read a minute.",
        "credential_malformed": "For a service principal: the application (client) ID as user name, and the Value of a "
        "client secret, not its Secret ID.",
        "registry_unreachable": "Check the login server on the registry's Overview page, and under Networking that "
        "public access is allowed.",
    },
)
