"""Failed attempts and pulls that succeeded, as the detection of outages counts them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from groups.models import FailedAttempt, Image, Outage
from portal.models import Organization
from registries.oci.reference import parse
from registries.providers.recognise import recognise, service_key

GITHUB, HUB, QUAY, OWN = "ghcr.io", "docker.io", "quay.io", "registry.example.com"


def organizations(count: int, *, first: int = 0) -> list[Organization]:
    """Further organizations, without members."""
    return Organization.objects.bulk_create(
        Organization(slug=f"org-{number}", name=f"Org {number}") for number in range(first, first + count)
    )


def fail_attempts(
    customers: Sequence[Organization],
    now: datetime,
    *minutes_ago: float,
    host: str = GITHUB,
    code: str = "registry_unreachable",
    passes: bool = True,
) -> None:
    """Each of these organizations fails at the host, so many minutes before `now`."""
    FailedAttempt.objects.bulk_create(
        FailedAttempt(
            organization=customer,
            kind=recognise(host).kind,
            registry=service_key(host),
            code=code,
            step="connect",
            final=False,
            passes=passes,
            created_at=now - timedelta(minutes=minutes),
        )
        for minutes in minutes_ago
        for customer in customers
    )


def succeed(customers: Sequence[Organization], now: datetime, minutes_ago: float, *, host: str = GITHUB) -> None:
    """Each of these organizations has pulled an image from the host, so many minutes before `now`."""
    reference = parse(f"{host}/team/app:1")
    Image.objects.bulk_create(
        Image(
            organization=customer,
            reference=str(reference),
            registry=reference.registry,
            repository=reference.repository,
            version=reference.version,
            platform="linux/amd64",
            status=Image.Status.READY,
            settled_at=now - timedelta(minutes=minutes_ago),
            retry_until=now,
        )
        for customer in customers
    )


def make_outage(host: str = GITHUB, **values: object) -> Outage:
    """An outage of the registry at `host`, or of nearly every one where that is ""."""
    return Outage.objects.create(
        **{
            "registry": service_key(host) if host else Outage.EVERYWHERE,
            "kind": recognise(host).kind if host else "",
            "code": "registry_unreachable",
            "attempts": 14,
            "usual": 0.0,
            "organizations": 4,
            **values,
        }
    )
