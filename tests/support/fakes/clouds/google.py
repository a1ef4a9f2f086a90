"""Google: providers of workload identity pools, the token exchange, and impersonation of service accounts."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.support.fakes.clouds.verifier import Fetch, Refused, issuer_in, verify
from tests.support.fakes.registry_http import Seen
from tests.support.registry_simulations import Reply


@dataclass
class PoolProvider:
    """A provider: its issuer, the audiences that it takes, and the beginning that its condition wants of subjects."""

    issuer: str
    audiences: set[str]
    subject_prefix: str = ""


@dataclass
class Google:
    """`readers` are repositories by who may read them: `principal:<subject>` or the address of a service account.
    `impersonators` are subjects by service account."""

    providers: dict[str, PoolProvider] = field(default_factory=dict)
    readers: dict[str, set[str]] = field(default_factory=dict)
    impersonators: dict[str, set[str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """Who has an access token, by the token."""
    calls: list[dict[str, str]] = field(default_factory=list)

    def trust(self, provider: str, issuer: str, subject_prefix: str = "") -> None:
        """Set up a provider that takes its default audience."""
        self.providers[provider] = PoolProvider(issuer, {f"https://iam.googleapis.com/{provider}"}, subject_prefix)

    def sts(self, seen: Seen, fetch: Fetch) -> Reply:
        call = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        self.calls.append(call)
        assert call["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
        assert call["subject_token_type"] == "urn:ietf:params:oauth:token-type:jwt"
        provider = self.providers.get(call["audience"].removeprefix("//iam.googleapis.com/"))
        if provider is None:
            text = (
                'The target service indicated by the "audience" parameters is invalid. It may be disabled or deleted.'
            )
            return _error("invalid_target", text)
        token = call["subject_token"]
        try:
            if issuer_in(token) != provider.issuer:
                text = f"The issuer in ID Token {issuer_in(token)} does not match the expected ones"
                return _error("invalid_grant", text)
            claims = verify(token, fetch)
        except Refused as refused:
            return _refusal(refused)
        if claims.audience not in provider.audiences:
            text = f"The audience in ID Token [{claims.audience}] does not match the expected audience."
            return _error("invalid_grant", text)
        if len(claims.subject.encode()) > 127:
            return _error("invalid_grant", "The size of mapped attribute google.subject exceeds the 127 bytes limit.")
        if not claims.subject.startswith(provider.subject_prefix):
            return _error("unauthorized_client", "The given credential is rejected by the attribute condition.")
        return self._given(f"principal:{claims.subject}", "access_token")

    def impersonate(self, seen: Seen) -> Reply:
        """generateAccessToken of a service account."""
        account = seen.path.partition("/serviceAccounts/")[2].removesuffix(":generateAccessToken")
        who = self.tokens.get(seen.secret, "")
        json.loads(seen.body)
        if who.removeprefix("principal:") not in self.impersonators.get(account, set()):
            text = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
            return Reply(403, {"error": {"code": 403, "message": text, "status": "PERMISSION_DENIED"}})
        return self._given(account, "accessToken")

    def _given(self, who: str, name: str) -> Reply:
        token = f"ya29.{secrets.token_urlsafe(60)}"
        self.tokens[token] = who
        more = (
            {"token_type": "Bearer", "expires_in": 3599}
            if name == "access_token"
            else {"expireTime": "2099-01-01T00:00:00Z"}
        )
        issued = (
            {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"} if name == "access_token" else {}
        )
        return Reply(200, {name: token, **more, **issued})

    def reads(self, password: str) -> set[str]:
        """Return the repositories that an access token may read."""
        return self.readers.get(self.tokens.get(password, ""), set())


def _refusal(refused: Refused) -> Reply:
    texts = {
        "keys": "Error connecting to the given credential's issuer.",
        "expired": "ID Token in subject_token is stale to sign-in.",
        "early": "ID Token in subject_token is not yet valid.",
    }
    return _error("invalid_grant", texts.get(refused.part, "Invalid JWT Signature: could not verify the ID Token."))


def _error(code: str, description: str) -> Reply:
    return Reply(401 if code == "unauthorized_client" else 400, {"error": code, "error_description": description})
