"""Azure: the client credentials grant with the portal's token as assertion at Microsoft Entra ID, then the exchange of
its access token at the registry (Microsoft identity platform, client credentials with a federated credential; Azure
Container Registry, "Authentication" of its OAuth reference)."""

from __future__ import annotations

import re

from registries.failures import AccessDenied, PullFailed
from registries.federation.exchanges.exchange import (
    Answer,
    Exchange,
    no_token,
    other_failure,
    passing_failure,
    post,
    refused,
)
from registries.oci.login import Login
from registries.providers.acr import REFRESH_TOKEN_USER
from registries.providers.acr_trust import cloud_of
from registries.providers.base import Connect

_CLOUD = "Azure"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CODE = re.compile(r"AADSTS([0-9]{4,8})")
_CASES = {
    "70021": "subject",
    "70025": "issuer",
    "700211": "issuer",
    "700212": "audience",
    "700213": "subject",
    "700214": "subject",
    "700016": "role",
    "90002": "role",
    "900023": "role",
    "700024": "time",
    "700027": "key",
    "5002727": "key",
    "50013": "key",
    "700221": "keys",
    "50166": "keys",
    "501661": "keys",
    "53003": "policy",
    "530003": "policy",
}
"""Microsoft Entra authentication and authorization error codes (AADSTS…)."""


def sign_in(exchange: Exchange, token: str, connect: Connect) -> Login:
    """Return the login with a refresh token of the registry."""
    cloud, tenant = cloud_of(exchange.host), exchange.settings["tenant_id"]
    fields = {
        "grant_type": "client_credentials",
        "client_id": exchange.settings["client_id"],
        "client_assertion_type": _ASSERTION,
        "client_assertion": token,
        "scope": cloud.scope,
    }
    answer = post(connect(exchange.host), f"https://{cloud.login_host}/{tenant}/oauth2/v2.0/token", fields)
    if answer.status != 200:
        raise _refusal(answer)
    access = answer.text("access_token")
    if not access:
        raise passing_failure(answer, _CLOUD) or no_token(answer, _CLOUD)
    return Login(REFRESH_TOKEN_USER, _refresh_token(exchange, tenant, access, connect))


def _refresh_token(exchange: Exchange, tenant: str, access: str, connect: Connect) -> str:
    """Return the registry's refresh token for an access token of Entra ID."""
    service = exchange.host.removesuffix(":443")
    fields = {"grant_type": "access_token", "service": service, "tenant": tenant, "access_token": access}
    answer = post(connect(exchange.host), f"https://{exchange.host}/oauth2/exchange", fields)
    if answer.status in {400, 401, 403} and passing_failure(answer, _CLOUD) is None:
        raise AccessDenied(
            repository=exchange.repository, case="trust", raw=f"{answer.status} exchange", **answer.where
        )
    if answer.status != 200:
        raise passing_failure(answer, _CLOUD) or other_failure(answer)
    token = answer.text("refresh_token")
    if not token:
        raise passing_failure(answer, _CLOUD) or no_token(answer, _CLOUD)
    return token


def _refusal(answer: Answer) -> PullFailed:
    """Return the failure that an error of Entra ID means."""
    found = _CODE.search(answer.text("error_description"))
    code = found[1] if found else ""
    raw = f"AADSTS{code}" if code else answer.text("error")[:40]
    if case := _CASES.get(code):
        setting = "tenant" if code in {"90002", "900023"} else "client"
        return refused(answer, _CLOUD, case, raw, setting=setting)
    passing = passing_failure(answer, _CLOUD, raw)
    if passing is not None:
        return passing
    if answer.text("error") in {"invalid_client", "unauthorized_client", "invalid_grant", "invalid_request"}:
        return refused(answer, _CLOUD, "", raw)
    return other_failure(answer, raw)
