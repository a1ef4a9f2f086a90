"""Quay: a robot account with a federated identity (Project Quay, "Keyless authentication with robot accounts")."""

from __future__ import annotations

import re

from registries.providers import PROVIDERS
from registries.providers.checks import Field, Unusable
from registries.providers.quay import QUAY
from registries.providers.trusts import Settings, TrustKind

_ROBOT = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,254})\+[a-z0-9_-]{1,255}")


def _repair(settings: dict[str, str], host: str) -> dict[str, str]:
    if not _ROBOT.fullmatch(settings["robot"]):
        raise Unusable("a robot account is written namespace+robot, in lower case", "robot")
    plain = host.removesuffix(":443")
    other = next((kind for kind in PROVIDERS.values() if kind is not QUAY and kind.recognises(plain)), None)
    if other is not None:
        raise Unusable(f"this is a host of {other.name}, which is no Quay", "host")
    return settings


def _audience(settings: Settings, host: str) -> str:
    return host.removesuffix(":443")


def _suffix(host: str) -> str:
    """Limit the subject to the host. A member names any host; a token that it gets must be worth nothing at quay.io,
    even for a robot that is bound without an audience."""
    plain = host.removesuffix(":443")
    return "" if plain == QUAY.host else f":host:{plain}"


def _answers_at(settings: Settings, host: str) -> tuple[str, ...]:
    return (host,)


QUAY_TRUST = TrustKind(
    provider=QUAY,
    fields=(
        Field(
            name="robot",
            label="Robot account",
            help="With its namespace, as namespace+robot: under Robot Accounts of your organization.",
            placeholder="acme+drayage",
            limit=512,
        ),
    ),
    repair=_repair,
    audience_of=_audience,
    answers_at=_answers_at,
    suffix_of=_suffix,
    note="Quay compares subjects exactly: each project that uses the trust needs an entry of its own.",
)
