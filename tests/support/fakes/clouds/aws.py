"""AWS: identity providers and roles of accounts, AssumeRoleWithWebIdentity, and ECR's logins."""

from __future__ import annotations

import base64
import fnmatch
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.support.fakes.clouds.verifier import Claims, Fetch, Refused, issuer_in, verify
from tests.support.fakes.registry_http import Seen
from tests.support.registry_simulations import Reply

_ACTIONS = {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"}


@dataclass
class Role:
    """A role: the conditions of its trust policy by operator, and the repositories that it may read."""

    account: str
    issuer: str
    conditions: Mapping[str, Mapping[str, str]]
    repositories: set[str]


@dataclass
class Session:
    """A session of a role: its keys, and the repositories that role and session policy both allow."""

    access_key: str
    token: str
    name: str
    repositories: set[str]
    may_log_in: bool


@dataclass
class Aws:
    """`providers` are (account, issuer) → audiences. `sessions` are those that were made, `calls` what was asked."""

    providers: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    calls: list[dict[str, str]] = field(default_factory=list)
    logins: dict[str, Session] = field(default_factory=dict)
    """By the password that ECR gave."""

    def trust(
        self,
        arn: str,
        issuer: str,
        conditions: Mapping[str, Mapping[str, str]],
        repositories: set[str],
        audience: str = "sts.amazonaws.com",
    ) -> None:
        """Set up what a customer sets up: the identity provider, and a role with its trust policy."""
        account = arn.split(":")[4]
        self.providers.setdefault((account, issuer), set()).add(audience)
        self.roles[arn] = Role(account, issuer, conditions, repositories)

    def sts(self, seen: Seen, fetch: Fetch) -> Reply:
        call = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
        self.calls.append(call)
        assert call["Action"] == "AssumeRoleWithWebIdentity"
        assert call["Version"] == "2011-06-15"
        if not re.fullmatch(r"[\w+=,.@-]{2,64}", call["RoleSessionName"], re.ASCII):
            return _error(400, "ValidationError", "1 validation error detected: roleSessionName")
        token, account = call["WebIdentityToken"], call["RoleArn"].split(":")[4]
        try:
            issuer = issuer_in(token)
            if (account, issuer) not in self.providers:
                return _error(
                    400, "InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {issuer}"
                )
            claims = verify(token, fetch)
        except Refused as refused:
            return _refusal(refused)
        if claims.audience not in self.providers[account, issuer]:
            return _error(400, "InvalidIdentityToken", "Incorrect token audience")
        role = self.roles.get(call["RoleArn"])
        if role is None or not _admits(role, claims):
            return _error(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
        return self._session(call, role)

    def _session(self, call: Mapping[str, str], role: Role) -> Reply:
        repositories, may_log_in = role.repositories, True
        if "Policy" in call:
            try:
                may_log_in, repositories = _narrowed(json.loads(call["Policy"]), role.repositories)
            except (ValueError, KeyError, TypeError):
                return _error(400, "MalformedPolicyDocument", "Syntax errors in policy.")
        made = Session(
            f"ASIA{secrets.token_hex(8).upper()}",
            secrets.token_urlsafe(120),
            call["RoleSessionName"],
            repositories,
            may_log_in,
        )
        self.sessions.append(made)
        return Reply(
            200,
            f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult><Credentials>
    <AccessKeyId>{made.access_key}</AccessKeyId><SecretAccessKey>{secrets.token_urlsafe(30)}</SecretAccessKey>
    <SessionToken>{made.token}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>
  </Credentials></AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>""".encode(),
            {"Content-Type": "text/xml"},
        )

    def ecr(self, seen: Seen) -> Reply:
        """GetAuthorizationToken with the keys of a session."""
        session = next((one for one in self.sessions if one.token == seen.headers.get("x-amz-security-token")), None)
        if session is None or f"Credential={session.access_key}/" not in seen.headers["authorization"]:
            return Reply(400, {"__type": "UnrecognizedClientException", "message": "The security token is invalid."})
        if not session.may_log_in:
            return Reply(
                400,
                {"__type": "AccessDeniedException", "message": "not authorized to perform: ecr:GetAuthorizationToken"},
            )
        password = secrets.token_urlsafe(60)
        self.logins[password] = session
        packed = base64.b64encode(f"AWS:{password}".encode()).decode()
        return Reply(200, {"authorizationData": [{"authorizationToken": packed, "expiresAt": 4070908800.0}]})

    def reads(self, password: str) -> set[str]:
        """Return the repositories that a login may read."""
        return self.logins[password].repositories if password in self.logins else set()


def _admits(role: Role, claims: Claims) -> bool:
    """Whether the conditions of a trust policy hold. Keys are the issuer without its scheme, a colon and a claim."""
    if role.issuer != claims.issuer:
        return False
    bare = claims.issuer.partition("://")[2]
    values = {f"{bare}:{name}": str(value) for name, value in claims.all.items()}
    for operator, wanted in role.conditions.items():
        for key, pattern in wanted.items():
            value = values.get(key, "")
            holds = value == pattern if operator == "StringEquals" else fnmatch.fnmatchcase(value, pattern)
            if not holds:
                return False
    return True


def _narrowed(policy: Any, repositories: set[str]) -> tuple[bool, set[str]]:
    assert policy["Version"] == "2012-10-17"
    allowed: set[str] = set()
    may_log_in = False
    for statement in policy["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert statement["Effect"] == "Allow"
        may_log_in |= "ecr:GetAuthorizationToken" in actions and statement["Resource"] == "*"
        if set(actions) >= _ACTIONS:
            name = statement["Resource"].partition(":repository/")[2]
            allowed |= {one for one in repositories if fnmatch.fnmatchcase(one, name)}
    return may_log_in, allowed


def _refusal(refused: Refused) -> Reply:
    if refused.part == "expired":
        text = "Token expired: current date/time 1 must be before the expiration date/time 0"
        return _error(400, "ExpiredTokenException", text)
    if refused.part == "keys":
        text = "Couldn't retrieve verification key from your identity provider, please reference the documentation"
        return _error(400, "InvalidIdentityToken", text)
    if refused.part == "early":
        return _error(400, "InvalidIdentityToken", "The ID Token provided is not yet valid")
    return _error(
        400,
        "InvalidIdentityToken",
        "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
    )


def _error(status: int, code: str, message: str) -> Reply:
    body = f"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>
  <RequestId>4c3a0ae0-5f71-4a05-8a0d-0f2f0d4e2f6d</RequestId>
</ErrorResponse>"""
    return Reply(status, body.encode(), {"Content-Type": "text/xml"})
