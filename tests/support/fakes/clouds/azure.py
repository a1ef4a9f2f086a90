"""Azure: applications with federated credentials at Entra ID, and the exchange at a registry."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.support.fakes.clouds.verifier import Claims, Fetch, Refused, issuer_in, verify
from tests.support.fakes.registry_http import Seen
from tests.support.registry_simulations import Reply


@dataclass(frozen=True)
class FederatedCredential:
    """What is compared with a token, exactly."""

    issuer: str
    subject: str
    audience: str = "api://AzureADTokenExchange"


@dataclass
class Azure:
    """`applications` are federated credentials by (tenant, client). `pullers` are the clients with the role AcrPull, by
    the registry's host; `repositories` what is in it."""

    applications: dict[tuple[str, str], list[FederatedCredential]] = field(default_factory=dict)
    pullers: dict[str, set[str]] = field(default_factory=dict)
    repositories: dict[str, set[str]] = field(default_factory=dict)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    """(tenant, client) by access token."""
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    """The registry's host by refresh token."""
    calls: list[dict[str, str]] = field(default_factory=list)

    def entra(self, seen: Seen, fetch: Fetch) -> Reply:
        """POST /<tenant>/oauth2/v2.0/token."""
        tenant = seen.path.split("/")[1]
        call = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        self.calls.append(call)
        if tenant not in {known for known, _ in self.applications}:
            return _error(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        credentials = self.applications.get((tenant, call["client_id"]))
        if credentials is None:
            text = "Application with identifier was not found in the directory."
            return _error(400, "unauthorized_client", 700016, text)
        assert call["grant_type"] == "client_credentials"
        assert call["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assert call["scope"].split()[0] == "https://containerregistry.azure.net/.default"
        token = call["client_assertion"]
        try:
            if issuer_in(token) not in {known.issuer for known in credentials}:
                return _no_match(700211, "issuer", issuer_in(token))
            claims = verify(token, fetch)
        except Refused as refused:
            return _refusal(refused)
        return _mismatch(credentials, claims) or self._given(tenant, call["client_id"])

    def _given(self, tenant: str, client: str) -> Reply:
        access = f"eyJ0.{secrets.token_urlsafe(80)}.x"
        self.tokens[access] = (tenant, client)
        return Reply(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": access})

    def exchange(self, host: str, seen: Seen) -> Reply:
        """POST /oauth2/exchange of a registry."""
        call = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        assert call["grant_type"] == "access_token"
        assert call["service"] == host
        tenant, client = self.tokens.get(call["access_token"], ("", ""))
        if client not in self.pullers.get(host, set()) or tenant != call["tenant"]:
            text = "authentication required, visit https://aka.ms/acr/authorization for more information."
            return Reply(401, {"errors": [{"code": "UNAUTHORIZED", "message": text}]})
        token = f"eyJ0.{secrets.token_urlsafe(80)}.y"
        self.refresh_tokens[token] = host
        return Reply(200, {"refresh_token": token})

    def reads(self, host: str, password: str) -> set[str]:
        """Return the repositories that a refresh token may read."""
        return self.repositories.get(host, set()) if self.refresh_tokens.get(password) == host else set()


def _mismatch(credentials: list[FederatedCredential], claims: Claims) -> Reply | None:
    same_issuer = [known for known in credentials if known.issuer == claims.issuer]
    same_subject = [known for known in same_issuer if known.subject == claims.subject]
    if not same_subject:
        return _no_match(700213, "subject", claims.subject)
    if claims.audience not in {known.audience for known in same_subject}:
        return _no_match(700212, "audience", claims.audience)
    return None


def _no_match(code: int, part: str, value: str) -> Reply:
    text = f"No matching federated identity record found for presented assertion {part} '{value}'."
    return _error(400, "invalid_request" if code == 700211 else "invalid_client", code, text)


def _refusal(refused: Refused) -> Reply:
    if refused.part == "keys":
        return _error(400, "invalid_request", 50166, "Request to External OIDC endpoint failed.")
    if refused.part in {"expired", "early"}:
        return _error(400, "invalid_client", 700024, "Client assertion is not within its valid time range.")
    return _error(
        400,
        "invalid_client",
        700027,
        "The certificate with identifier used to sign the client assertion is not registered.",
    )


def _error(status: int, error: str, code: int, text: str) -> Reply:
    description = f"AADSTS{code}: {text} Trace ID: 6b0e. Timestamp: 2026-01-01 00:00:00Z"
    return Reply(status, {"error": error, "error_description": description, "error_codes": [code]})
