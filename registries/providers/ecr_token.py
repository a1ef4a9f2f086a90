"""Requests an ECR registry's password from AWS (GetAuthorizationToken). Worker zone only.

Requests are signed with the member's keys only: the environment, AWS's configuration files and the role of the instance
are not read. Each pull requests one token, which is valid for twelve hours, longer than any pull.
"""

from __future__ import annotations

import base64
import binascii
import logging
import os
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Protocol

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConfigValueStore, ConstantProvider
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as ConnectionFailed
from botocore.parsers import ResponseParserError

from registries.failures import (
    AccessDenied,
    AuthenticationFailed,
    CredentialExpired,
    CredentialMalformed,
    PullFailed,
    RateLimited,
    RegistryUnreachable,
    Unexpected,
)
from registries.oci.login import Login
from registries.providers.ecr_host import parse_host

# botocore logs whole requests and responses, including tokens, at debug level.
logging.getLogger("botocore").setLevel(logging.INFO)

CONNECT_SECONDS = 10
READ_SECONDS = 20
MAX_ATTEMPTS = 2

_REFUSED = frozenset(
    {"UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId", "SignatureDoesNotMatch"}
    | {"IncompleteSignature", "IncompleteSignatureException", "InvalidAccessKeyId", "MissingAuthenticationToken"}
)
_EXPIRED = frozenset({"ExpiredTokenException", "ExpiredToken"})
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "OptInRequired"})
_THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded"}
)


class _EcrClient(Protocol):
    """What is used of boto3's client, which has no types."""

    def get_authorization_token(self) -> Mapping[str, Any]: ...

    def close(self) -> None: ...


def get_authorization_token(values: Mapping[str, str], host: str, *, endpoint: str = "") -> Login:
    """Return the login of the ECR registry at `host`, requested from AWS in its region.

    `values` are the provider's checked fields. `endpoint` is for tests. Raises `AuthenticationFailed`,
    `AccessDenied`, `CredentialExpired`, `RateLimited`, `RegistryUnreachable` and `Unexpected`.
    """
    place = parse_host(host)
    if place is None:
        raise CredentialMalformed(host=host, reason="an ECR host has the form ACCOUNT.dkr.ecr.REGION.amazonaws.com")
    failure: PullFailed
    try:
        with closing(_client(values, place.region, endpoint or f"https://{place.api_host}")) as client:
            return _login(client.get_authorization_token())
    except ClientError as error:
        failure = _response_failure(error.response, host)
    except (ConnectionFailed, HTTPClientError, ResponseParserError) as error:
        reason = f"{place.api_host} did not answer"
        failure = RegistryUnreachable(host=host, reason=reason, raw=type(error).__name__)
    except BotoCoreError as error:
        failure = Unexpected(raw=f"GetAuthorizationToken {type(error).__name__}")
    except (LookupError, TypeError, ValueError):
        failure = RegistryUnreachable(host=host, reason="AWS did not give a token", raw="no token")
    raise failure


def _client(values: Mapping[str, str], region: str, endpoint: str) -> _EcrClient:
    blank = botocore.session.Session()
    settings = ConfigValueStore(
        {name: ConstantProvider(variable[2]) for name, variable in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()}
    )
    settings.set_config_variable("config_file", os.devnull)
    settings.set_config_variable("credentials_file", os.devnull)
    blank.register_component("config_store", settings)
    client: _EcrClient = boto3.session.Session(botocore_session=blank).client(
        "ecr",
        region_name=region,
        aws_access_key_id=values["access_key_id"],
        aws_secret_access_key=values["secret_access_key"],
        aws_session_token=values.get("session_token"),
        endpoint_url=endpoint,
        verify=True,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": MAX_ATTEMPTS, "mode": "standard"},
            proxies={},
            ignore_configured_endpoint_urls=True,
        ),
    )
    return client


def _login(response: Mapping[str, Any]) -> Login:
    packed = response["authorizationData"][0]["authorizationToken"]
    try:
        username, colon, password = base64.b64decode(packed, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("token") from None
    if not (username and colon and password):
        raise ValueError("token")
    return Login(username, password)


def _response_failure(response: Mapping[str, Any], host: str) -> PullFailed:
    """Return the failure that an error of AWS means. Its message is read but not repeated."""
    error = response.get("Error", {})
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code, message = str(error.get("Code", "")), str(error.get("Message", "")).lower()
    raw = f"{status} {code}"
    if code in _REFUSED and ("signature expired" in message or "signature not yet current" in message):
        return Unexpected(raw=f"clock {raw}")
    if code in _REFUSED:
        return AuthenticationFailed(host=host, raw=raw)
    if code in _EXPIRED:
        return CredentialExpired(host=host, raw=raw)
    if code in _DENIED:
        return AccessDenied(host=host, repository="any image", raw=raw)
    if code in _THROTTLED or status == 429:
        return RateLimited(host=host, raw=raw)
    if status >= 500:
        return RegistryUnreachable(host=host, reason="AWS answered with an error of its own", raw=raw)
    return Unexpected(raw=raw)
