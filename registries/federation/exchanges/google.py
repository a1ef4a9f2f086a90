"""Google: token exchange (RFC 8693) at the Security Token Service, then, where the trust names one, the access token of
a service account (Google Cloud: Security Token Service API, Service Account Credentials API)."""

from __future__ import annotations

import json
from urllib.parse import quote

from registries.failures import PullFailed
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
from registries.providers.base import Connect
from registries.providers.google_trust import IMPERSONATION_HOST, STS_HOST

_CLOUD = "Google"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SECONDS = 3600
USER = "oauth2accesstoken"
_CASES = (
    ("keys", ("connecting to the given credential's issuer", "error connecting", "fetch", "retrieve")),
    ("subject", ("attribute condition",)),
    ("audience", ("audience",)),
    ("issuer", ("issuer",)),
    ("time", ("expired", "stale", "not yet valid", "issued at", "before")),
    ("key", ("signature", "verif", "key")),
)
"""The case of a refused token by words of Google's message, in lower case."""


def sign_in(exchange: Exchange, token: str, connect: Connect) -> Login:
    """Return the login of the pool's identity, or of the trust's service account."""
    fields = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": f"//iam.googleapis.com/{exchange.settings['provider']}",
        "scope": _SCOPE,
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "subject_token": token,
    }
    answer = post(connect(exchange.host), f"https://{STS_HOST}/v1/token", fields)
    if answer.status != 200:
        raise _refusal(answer)
    access = answer.text("access_token")
    if not access:
        raise passing_failure(answer, _CLOUD) or no_token(answer, _CLOUD)
    account = exchange.settings.get("service_account")
    return Login(USER, _impersonated(exchange, account, access, connect) if account else access)


def _impersonated(exchange: Exchange, account: str, access: str, connect: Connect) -> str:
    """Return an access token of the service account."""
    url = f"https://{IMPERSONATION_HOST}/v1/projects/-/serviceAccounts/{quote(account, safe='@')}:generateAccessToken"
    body = json.dumps({"scope": [_SCOPE], "lifetime": f"{_SECONDS}s"}).encode()
    answer = post(connect(exchange.host), url, body, {"Authorization": f"Bearer {access}"})
    if answer.status != 200:
        passing = passing_failure(answer, _CLOUD)
        if passing is None and answer.status in {400, 401, 403, 404}:
            raise refused(answer, _CLOUD, "account", _status_of(answer))
        raise passing or other_failure(answer)
    token = answer.text("accessToken")
    if not token:
        raise passing_failure(answer, _CLOUD) or no_token(answer, _CLOUD)
    return token


def _refusal(answer: Answer) -> PullFailed:
    """Return the failure that an error of the Security Token Service means."""
    code, message = answer.text("error"), answer.text("error_description").lower()
    if code == "invalid_target":
        return refused(answer, _CLOUD, "role", code, setting="workload identity provider")
    if code in {"invalid_grant", "unauthorized_client", "invalid_request", "access_denied"}:
        case = next((case for case, words in _CASES if any(word in message for word in words)), "")
        return refused(answer, _CLOUD, case or ("subject" if code == "unauthorized_client" else "key"), code)
    return passing_failure(answer, _CLOUD, code) or other_failure(answer, code)


def _status_of(answer: Answer) -> str:
    error = answer.document.get("error")
    status = error.get("status") if isinstance(error, dict) else ""
    return status if isinstance(status, str) else ""
