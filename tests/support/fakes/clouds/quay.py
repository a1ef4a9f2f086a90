"""Quay: robot accounts with federated identities."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from tests.support.fakes.clouds.verifier import Fetch, Refused, issuer_in, verify
from tests.support.fakes.registry_http import Seen
from tests.support.registry_simulations import Reply


@dataclass(frozen=True)
class Binding:
    """A federated identity of a robot. Older ones have no audience, and then none is compared."""

    issuer: str
    subject: str
    audience: str = ""


@dataclass
class Quay:
    """`robots` are bindings by (host, robot), `readers` repositories by robot."""

    robots: dict[tuple[str, str], list[Binding]] = field(default_factory=dict)
    readers: dict[str, set[str]] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    """The robot by the password of an hour."""
    shown: list[str] = field(default_factory=list)
    """Tokens that were shown to it."""

    def token(self, host: str, seen: Seen, fetch: Fetch) -> Reply:
        """GET /oauth2/federation/robot/token."""
        if seen.kind != "basic" or "+" not in seen.username or seen.secret.count(".") != 2:
            return Reply(401, {"error": "Invalid authentication"})
        self.shown.append(seen.secret)
        bindings = self.robots.get((host, seen.username))
        if bindings is None:
            return Reply(400, {"message": f"Could not find robot with username: {seen.username}"})
        try:
            if issuer_in(seen.secret) not in {known.issuer for known in bindings}:
                return Reply(400, {"message": f"issuer {issuer_in(seen.secret)} not configured for this robot"})
            claims = verify(seen.secret, fetch)
        except Refused as refused:
            texts = {"keys": "could not fetch discovery document of the issuer", "expired": "Signature has expired"}
            text = {**texts, "expired": "token has expired", "early": "token is not yet valid (iat)"}.get(refused.part)
            return Reply(400, {"message": text or "token signature verification failed"})
        fitting = [known for known in bindings if (known.issuer, known.subject) == (claims.issuer, claims.subject)]
        if not fitting:
            return Reply(400, {"message": f"subject {claims.subject} not configured for this robot"})
        if not any(known.audience in {"", claims.audience} for known in fitting):
            return Reply(400, {"message": "Invalid audience"})
        password = secrets.token_urlsafe(60)
        self.passwords[password] = seen.username
        return Reply(200, {"token": password})

    def reads(self, password: str) -> set[str]:
        """Return the repositories that a password may read."""
        return self.readers.get(self.passwords.get(password, ""), set())
