"""AWS: a role that trusts the organization's issuer (AWS STS API Reference, AssumeRoleWithWebIdentity)."""

from __future__ import annotations

import re

from registries.providers.checks import Field, Unusable
from registries.providers.ecr import ECR
from registries.providers.ecr_host import EcrHost, parse_host
from registries.providers.trusts import Settings, TrustKind

AUDIENCE = "sts.amazonaws.com"
_ROLE = re.compile(
    r"arn:(aws(?:-[a-z]{2,6}){0,2}):iam::([0-9]{12}):role/((?:[\x21-\x2e\x30-\x7e]+/)*[A-Za-z0-9+=,.@_-]{1,64})"
)
_AUDIENCE = re.compile(r"[\x21-\x7e]{1,255}")
_NO_HOST = "an ECR host has the form ACCOUNT.dkr.ecr.REGION.amazonaws.com"


def place_of(host: str) -> EcrHost:
    """Return what the host of a private registry says. Raises `Unusable`."""
    place = parse_host(host)
    if place is None:
        raise Unusable(_NO_HOST, "host")
    return place


def _repair(settings: dict[str, str], host: str) -> dict[str, str]:
    place = place_of(host)
    match = _ROLE.fullmatch(settings["role_arn"])
    if match is None or len(settings["role_arn"]) > 2048:
        raise Unusable("a role's ARN has the form arn:aws:iam::123456789012:role/NAME", "role_arn")
    if match[1] != place.partition:
        raise Unusable(f"the registry is in the partition {place.partition}, and the role is in another", "role_arn")
    if "audience" in settings and not _AUDIENCE.fullmatch(settings["audience"]):
        raise Unusable("an audience is at most 255 letters, digits and signs, without blanks", "audience")
    return settings


def _audience(settings: Settings, host: str) -> str:
    return settings.get("audience") or AUDIENCE


def sts_host(place: EcrHost) -> str:
    """Return the regional host of AWS STS in the registry's partition (AWS General Reference, endpoints of STS)."""
    return f"sts.{place.region}.{place.api_suffix}"


def _answers_at(settings: Settings, host: str) -> tuple[str, ...]:
    place = place_of(host)
    return (sts_host(place), place.api_host)


ECR_TRUST = TrustKind(
    provider=ECR,
    fields=(
        Field(
            name="role_arn",
            label="Role ARN",
            help="The role that the portal assumes for each pull: in the AWS console under IAM, Roles, the role, ARN.",
            placeholder="arn:aws:iam::123456789012:role/drayage-pull",
            limit=2048,
        ),
        Field(
            name="audience",
            label="Audience",
            help="Leave it empty unless you registered another one than sts.amazonaws.com with the identity provider, "
            "as is usual in China.",
            placeholder=AUDIENCE,
            optional=True,
            limit=255,
        ),
    ),
    repair=_repair,
    audience_of=_audience,
    answers_at=_answers_at,
    note="Each pull may only read its one repository, whatever else the role may do. The first pull through a pull "
    "through cache imports the image, which needs more: pull it once with a credential.",
)
