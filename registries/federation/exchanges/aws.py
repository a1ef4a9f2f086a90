"""AWS: AssumeRoleWithWebIdentity, then the login of ECR with the session's keys (AWS STS API Reference; Amazon ECR API
Reference).

A session policy narrows what the role may do to reading the one repository, whatever else it may.
"""

from __future__ import annotations

import json
import re
from functools import cache

from botocore.model import ServiceModel, Shape
from botocore.parsers import QueryParser, ResponseParserError
from botocore.session import Session as BotocoreSession

from registries.failures import AccessDenied, PullFailed, RateLimited, Unexpected
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
from registries.providers.ecr_host import EcrHost
from registries.providers.ecr_token import get_authorization_token
from registries.providers.ecr_trust import place_of, sts_host

_CLOUD = "AWS"
_SECONDS = 900
"""How long the session's keys live: the shortest that AWS gives."""
_READ = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
_THROTTLED = frozenset({"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"})
_TOKEN_CASES = (
    ("audience", ("audience",)),
    ("keys", ("retrieve verification key", "couldn't retrieve", "could not be retrieved")),
    ("issuer", ("no openidconnect provider", "issuer")),
    ("time", ("expired", "not yet valid", "before", "issued in the future")),
)
"""The case of `InvalidIdentityToken` by words of AWS's message, in lower case."""


def sign_in(exchange: Exchange, token: str, connect: Connect) -> Login:
    """Assume the trust's role for one repository, and return the login of its registry."""
    place = place_of(exchange.host)
    fields = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": exchange.settings["role_arn"],
        "RoleSessionName": exchange.pull[:64],
        "WebIdentityToken": token,
        "DurationSeconds": str(_SECONDS),
        "Policy": session_policy(place, exchange.repository),
    }
    answer = post(connect(exchange.host), f"https://{sts_host(place)}/", fields, {"Accept": "text/xml"})
    parsed = _parsed(answer)
    if answer.status != 200:
        raise _failure(answer, parsed)
    found = parsed.get("Credentials")
    keys = found if isinstance(found, dict) else {}
    values = {
        name: str(keys.get(key, ""))
        for name, key in (
            ("access_key_id", "AccessKeyId"),
            ("secret_access_key", "SecretAccessKey"),
            ("session_token", "SessionToken"),
        )
    }
    if not all(values.values()):
        raise passing_failure(answer, _CLOUD) or no_token(answer, _CLOUD)
    try:
        return get_authorization_token(values, exchange.host, connect(exchange.host))
    except AccessDenied as failure:
        failure.params["case"] = "trust"
        raise


def session_policy(place: EcrHost, repository: str) -> str:
    """Return the policy (IAM policy language, 2012-10-17) that allows a login, and reading of one repository. The
    characters that widen a resource, `*` and `?`, are in no repository's name."""
    if re.search(r"[*?${}]", repository):
        raise Unexpected(raw="repository in a policy")
    resource = f"arn:{place.partition}:ecr:{place.region}:{place.account}:repository/{repository}"
    statements = [
        {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {"Effect": "Allow", "Action": _READ, "Resource": resource},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


@cache
def _shape() -> Shape | None:
    model: ServiceModel = BotocoreSession().get_service_model("sts")
    return model.operation_model("AssumeRoleWithWebIdentity").output_shape


def _parsed(answer: Answer) -> dict[str, object]:
    """Return AWS's answer as botocore reads it, empty if it is no answer of AWS."""
    document = {"status_code": answer.status, "headers": {}, "body": answer.body}
    try:
        parsed: dict[str, object] = QueryParser().parse(document, _shape())
    except (ResponseParserError, ValueError, LookupError, TypeError):
        return {}
    return parsed


def _failure(answer: Answer, parsed: dict[str, object]) -> PullFailed:
    """Return the failure that an error of STS means: its code decides, not the status."""
    error = parsed.get("Error")
    details = error if isinstance(error, dict) else {}
    code, message = str(details.get("Code", "")), str(details.get("Message", "")).lower()
    code = code.removesuffix("Exception")
    if code in _THROTTLED or f"{code}Exception" in _THROTTLED:
        return RateLimited(raw=f"{answer.status} {code}", retry_after=answer.wait, **answer.where)
    if code == "InvalidIdentityToken":
        case = next((case for case, words in _TOKEN_CASES if any(word in message for word in words)), "key")
        return refused(answer, _CLOUD, case, code)
    simple = {
        "AccessDenied": "subject",
        "ExpiredToken": "time",
        "IDPCommunicationError": "keys",
        "IDPRejectedClaim": "subject",
        "RegionDisabled": "region",
    }
    if code in simple:
        return refused(answer, _CLOUD, simple[code], code)
    return passing_failure(answer, _CLOUD, code) or other_failure(answer, code)
