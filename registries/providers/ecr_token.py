"""Requests an ECR registry's password from AWS (GetAuthorizationToken). Worker zone only.

The request is one signed POST (JSON 1.1, Signature Version 4; Amazon ECR API Reference, and the service models of
botocore for the targets' names). It takes the connections that images take, so the operator's rules for addresses and
`PORTAL_REGISTRY_CA_FILE` apply to it. It is signed with the member's keys only: nothing is read from the environment,
from AWS's configuration files or from the role of the instance. A token is valid for twelve hours, longer than any
pull, so each pull requests one.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from registries.failures import (
    AccessDenied,
    AuthenticationFailed,
    CredentialExpired,
    CredentialMalformed,
    PullFailed,
    RateLimited,
    RegistryUnreachable,
    Service,
    Unexpected,
    Where,
)
from registries.oci.errors import SHORT_BODY, retry_after
from registries.oci.login import Login
from registries.oci.responses import Response
from registries.oci.transport import Session
from registries.providers.ecr_host import PUBLIC_API_HOST, PUBLIC_HOST, PUBLIC_REGION, parse_host

_REFUSED = frozenset(
    {"UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId", "SignatureDoesNotMatch"}
    | {"IncompleteSignature", "IncompleteSignatureException", "InvalidAccessKeyId", "MissingAuthenticationToken"}
    | {"MissingAuthenticationTokenException"}
)
_EXPIRED = frozenset({"ExpiredTokenException", "ExpiredToken"})
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "OptInRequired"})
_THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded"}
)


@dataclass(frozen=True)
class _Call:
    """Which service of AWS is asked: its name in signatures, region, host, and the header that names the operation."""

    service: str
    region: str
    host: str
    target: str


def get_authorization_token(values: Mapping[str, str], host: str, session: Session, *, endpoint: str = "") -> Login:
    """Return the login of the ECR registry at `host`, requested from AWS in its region over `session`, which is closed.

    `values` are the provider's checked fields. `endpoint` is for tests. Raises `AuthenticationFailed`, `AccessDenied`,
    `CredentialExpired`, `RateLimited`, `RegistryUnreachable` and `Unexpected`, and the failures of the connection.
    """
    call = _call(host)
    with closing(session):
        url = f"{endpoint or f'https://{call.host}'}/"
        body = b"{}"
        response = session.post(url, body, _signed(values, call, url, body), service=Service.SIGN_IN)
        received = response.read(SHORT_BODY) or b""
    if response.status != 200:
        raise _response_failure(response, received)
    return _login(response, received)


def _call(host: str) -> _Call:
    if host.removesuffix(":443") == PUBLIC_HOST:
        return _Call("ecr-public", PUBLIC_REGION, PUBLIC_API_HOST, "SpencerFrontendService.GetAuthorizationToken")
    place = parse_host(host)
    if place is None:
        raise CredentialMalformed(host=host, reason="an ECR host has the form ACCOUNT.dkr.ecr.REGION.amazonaws.com")
    target = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
    return _Call("ecr", place.region, place.api_host, target)


def _signed(values: Mapping[str, str], call: _Call, url: str, body: bytes) -> dict[str, str]:
    """Return the headers of the request, with its signature."""
    request = AWSRequest(
        "POST", url, {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": call.target}, data=body
    )
    keys = Credentials(values["access_key_id"], values["secret_access_key"], values.get("session_token") or None)
    SigV4Auth(keys, call.service, call.region).add_auth(request)
    return dict(request.headers.items())


def _login(response: Response, body: bytes) -> Login:
    try:
        data = json.loads(body)["authorizationData"]
        packed = (data[0] if isinstance(data, list) else data)["authorizationToken"]
        username, colon, password = base64.b64decode(packed, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError, LookupError, TypeError, ValueError, RecursionError):
        username = colon = password = ""
    if not (username and colon and password):
        reason = "AWS did not give a token"
        raise RegistryUnreachable(case="answer", reason=reason, raw="no token", **response.where)
    return Login(username, password)


def _response_failure(response: Response, body: bytes) -> PullFailed:
    """Return the failure that an error of AWS means. Its message is read but not repeated."""
    code, message = _error(response, body)
    status, where = response.status, response.where
    raw = f"{status} {code}".strip()
    if code in _REFUSED and ("signature expired" in message or "signature not yet current" in message):
        return Unexpected(raw=f"clock {raw}", **where)
    if code in _REFUSED:
        return AuthenticationFailed(raw=raw, **where)
    if code in _EXPIRED:
        return CredentialExpired(raw=raw, **where)
    if code in _DENIED:
        return AccessDenied(repository="any image", raw=raw, **where)
    if code in _THROTTLED or status == 429:
        return RateLimited(raw=raw, retry_after=retry_after(response.headers), **where)
    return _other_failure(status, raw, where)


def _other_failure(status: int, raw: str, where: Where) -> PullFailed:
    if status >= 500 or status in {408, 499}:
        reason = f"AWS answered with an error of its own ({status})"
        return RegistryUnreachable(case="answer", reason=reason, raw=raw, **where)
    if 200 <= status < 400:
        return RegistryUnreachable(case="answer", reason="AWS did not give a token", raw=raw, **where)
    return Unexpected(raw=raw, **where)


def _error(response: Response, body: bytes) -> tuple[str, str]:
    """Return AWS's code and, in lower case, its message. The code stands in the body with a namespace before it, or in
    a header with an address after it (AWS JSON 1.1 protocol, operation error serialization)."""
    try:
        document = json.loads(body)
        found = document.get("__type") or document.get("code")
        message = document.get("message") or document.get("Message")
    except (ValueError, AttributeError, RecursionError):
        found = message = None
    code = found if isinstance(found, str) else response.headers.get("X-Amzn-ErrorType", "")
    code = code.partition(":")[0].rpartition("#")[2]
    return code, message.lower() if isinstance(message, str) else ""
