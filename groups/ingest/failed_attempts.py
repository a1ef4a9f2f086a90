"""Counts of failed attempts, for charts and outages. No names are kept."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from groups.models import FailedAttempt, Image, PullStep
from registries.failures import (
    AccessDenied,
    DigestMismatch,
    HostNotAllowed,
    HostUnknown,
    ImageNotFound,
    PullFailed,
    RateLimited,
    RegistryRefuses,
    RegistryUnreachable,
    ResolverFailed,
    TlsInvalid,
)
from registries.providers import PROVIDERS
from registries.providers.recognise import recognise, service_key

MAX_AGE = timedelta(days=30)
"""Older rows are deleted; charts can't go back further."""

_AFTER_MANIFEST = (PullStep.Name.PLATFORM, PullStep.Name.LAYERS)
_PASSING = (RegistryUnreachable, ResolverFailed, RateLimited, DigestMismatch, RegistryRefuses)


def add(image: Image, failure: PullFailed, step: str, *, final: bool) -> None:
    """Count an attempt that failed. Called in the transaction that settles it."""
    FailedAttempt.objects.create(
        organization_id=image.organization_id,
        kind=image.provider or recognise(image.registry).kind,
        registry=service_key(image.registry),
        code=failure.code,
        step=step,
        passes=can_be_outage(failure, image.registry, step),
        final=final,
    )


def can_be_outage(failure: PullFailed, registry: str, step: str) -> bool:
    """Whether the failure can be part of an outage of the registry at this `host[:port]`: what passes by itself there
    or on the way, and nothing that one customer may have brought about, such as a wrong password, a name, a missing
    image or an image that is too large.

    A refusal of a blob is the registry's if it has given the manifest to the same login. Where a service has one fixed
    host, its name and its certificate are not the customer's either. Failures of our store and of our workers are no
    registry's.
    """
    if isinstance(failure, _PASSING):
        return failure.retryable
    if isinstance(failure, AccessDenied | ImageNotFound):
        return step in _AFTER_MANIFEST
    service = PROVIDERS.get(service_key(registry))
    has_fixed_host = service is not None and bool(service.shared_host)
    if isinstance(failure, TlsInvalid):
        return has_fixed_host or failure.params.get("case") in ("expired", "other_name")
    return has_fixed_host and isinstance(failure, HostUnknown | HostNotAllowed)


def delete_old() -> int:
    """Delete rows older than `MAX_AGE`; return how many there were."""
    return FailedAttempt.objects.filter(created_at__lt=Now() - MAX_AGE).delete()[0]
