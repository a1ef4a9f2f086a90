"""AWS Elastic Container Registry: an access key, exchanged for a registry password before each pull.

A repository may be a pull through cache, which fetches the image from another registry when it is first pulled. That
takes further permissions and has errors of its own (Amazon ECR User Guide, "IAM permissions required to sync an
upstream registry" and "Troubleshooting pull through cache issues"; exceptions of the ECR API).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from registries.failures import AccessDenied, AuthenticationFailed, ImageNotFound, RegistryRefuses, RegistryUnreachable
from registries.oci.login import Login
from registries.providers.base import Connect, Provider
from registries.providers.checks import Field, Unusable
from registries.providers.ecr_host import HOST_PATTERNS, EcrHost, parse_host
from registries.providers.rules import Rule

__all__ = ["ECR", "EcrHost", "parse_host"]

_KEY_ID = re.compile(r"(AKIA|ASIA)[A-Z0-9]{12,124}")
_SECRET_KEY = re.compile(r"[A-Za-z0-9+/=]{16,128}")
_SESSION_TOKEN = re.compile(r"[A-Za-z0-9+/=_.-]{16,8192}")


def _host(values: Mapping[str, str], host: str) -> None:
    if parse_host(host) is None:
        raise Unusable("an ECR host has the form ACCOUNT.dkr.ecr.REGION.amazonaws.com", "host")


def check_key(values: Mapping[str, str], host: str) -> None:
    """Raise `Unusable` if the parts can't be those of one access key."""
    match = _KEY_ID.fullmatch(values["access_key_id"])
    if match is None:
        raise Unusable("an access key ID is capitals and digits from AKIA or ASIA on, no blanks", "access_key_id")
    if not _SECRET_KEY.fullmatch(values["secret_access_key"]):
        raise Unusable("a secret access key is letters, digits, + / and =, without blanks", "secret_access_key")
    token = values.get("session_token")
    if match[1] == "ASIA" and not token:
        raise Unusable("a key that begins with ASIA is temporary and needs its session token", "session_token")
    if match[1] == "AKIA" and token:
        raise Unusable("a key that begins with AKIA has no session token; leave that empty", "session_token")
    if token and not _SESSION_TOKEN.fullmatch(token):
        raise Unusable("a session token is letters, digits and + / =, without blanks", "session_token")


def request_login(values: Mapping[str, str], host: str, connect: Connect) -> Login:
    """Ask AWS for the login of the registry at `host`."""
    # Imported here because botocore is large and only the worker needs it.
    from registries.providers.ecr_token import get_authorization_token

    return get_authorization_token(values, host, connect(host))


def _exchange_host(host: str) -> str:
    place = parse_host(host)
    return place.api_host if place else host


KEY_FIELDS = (
    Field(
        name="access_key_id",
        label="Access key ID",
        help="In the AWS console: IAM, Users, the user, Security credentials, Create access key. A user for this "
        "alone, with the policy of the guide, is best.",
        placeholder="AKIA…",
        pattern=_KEY_ID.pattern,
    ),
    Field(
        name="secret_access_key",
        label="Secret access key",
        help="Shown once, when the access key is created.",
        secret=True,
    ),
    Field(
        name="session_token",
        label="Session token",
        help="Only for temporary keys (they begin with ASIA), as aws configure export-credentials prints them.",
        secret=True,
        optional=True,
    ),
)
"""An access key of AWS."""

_AT_UPSTREAM = "its pull through cache could not get the image from the registry behind it"

ECR = Provider(
    kind="ecr",
    name="AWS ECR",
    mark="AWS",
    hosts=tuple(HOST_PATTERNS),
    host_help="The registry's URI up to the first slash: 123456789012.dkr.ecr.eu-west-1.amazonaws.com. Its region is "
    "where the password is asked for.",
    fields=KEY_FIELDS,
    checks=(_host, check_key),
    request=request_login,
    exchange_host=_exchange_host,
    rules=(
        # A pull through cache: what is missing is a permission, a secret, or the image behind it.
        Rule(AccessDenied, words=("batchimportupstreamimage", "ecr:createrepository")),
        Rule(RegistryUnreachable, words=("unabletogetupstream",), case="answer", reason=_AT_UPSTREAM),
        Rule(RegistryRefuses, words=("unabletoaccesssecret", "unabletodecryptsecret", "secretnotfound")),
        Rule(ImageNotFound, words=("pullthroughcacherulenotfound",)),
        Rule(ImageNotFound, words=("repositorynotfoundexception", "imagenotfoundexception")),
        # The password is ours, made for this pull: the next attempt makes another one.
        Rule(AuthenticationFailed, words=("authorization token has expired",), retryable=True, keeps_credential=True),
        Rule(AuthenticationFailed, words=("no basic auth credentials",)),
    ),
    guide="registries/guides/ecr.html",
    hints={
        "trust_refused": "In IAM, see Identity providers for the issuer and its audience, and the role's Trust "
        "relationships for the subject. The page of the trust has all three, filled in. AWS says the same of a role"
        " that doesn't exist.",
        "authentication_failed": "Check both parts of the access key, and that it is active: IAM, Users, Security "
        "credentials. A region that is off by default must be enabled in the account that the key belongs to.",
        "access_denied": "The key's user or role needs ecr:GetAuthorizationToken on *, and ecr:BatchGetImage and "
        "ecr:GetDownloadUrlForLayer on the repository. Across accounts the repository's own policy must allow it too. "
        "The first pull through a cache rule needs ecr:BatchImportUpstreamImage, and ecr:CreateRepository.",
        "image_not_found": "See the repository in the ECR console, in the region and account that the image's host "
        "names. A lifecycle policy may have removed the image. Through a cache rule, Docker Hub's own images are named "
        "with library/: PREFIX/library/nginx.",
        "rate_limited": "AWS throttles requests per account and region: see Service Quotas, Amazon ECR.",
        "credential_malformed": "Paste access key ID (AKIA… or ASIA…) and secret access key without quotes; a session "
        "token goes with ASIA keys only.",
        "credential_expired": "A session token ends after minutes or hours. Make a new one with aws configure "
        "export-credentials, or use the access key of an IAM user.",
        "registry_refuses": "See Pull through cache in the ECR console: the secret that its rule names in Secrets "
        "Manager must exist, begin with ecr-pullthroughcache/ and hold a valid login for the registry behind it.",
        "registry_unreachable": "Check account and region in the host; health.aws.amazon.com tells of outages.",
    },
)
