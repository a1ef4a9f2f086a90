"""A queue of pulls by organization, as rows: who pulls, who waits, and since when."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.db.models.functions import Now

from groups.models import Image, Quota
from portal.models import Organization
from registries.foundation.clock import database_now


def make_organizations(names: Iterable[str]) -> dict[str, Organization]:
    """An organization with its quota for each name."""
    made = {name: Organization.objects.create(slug=f"org-{name}", name=name) for name in names}
    for organization in made.values():
        Quota.objects.create(organization_id=organization.pk)
    return made


def add_pull(
    organization: Organization,
    *,
    status: str = "queued",
    age: float = 60,
    claimed: float | None = None,
    **values: object,
) -> Image:
    """The image of a pull that was created `age` seconds ago; one that is `pulling` was claimed `claimed` seconds ago
    and has its lease."""
    now = database_now()
    image = Image.objects.create(
        organization=organization,
        reference="registry.example.com/team/app:1.0",
        registry="registry.example.com",
        repository="team/app",
        version="1.0",
        platform="linux/amd64",
        status=status,
        retry_until=now + timedelta(hours=1),
        created_at=now - timedelta(seconds=age),
    )
    if status == Image.Status.PULLING:
        values = {
            "attempt": 1,
            "lease": uuid.uuid4(),
            "lease_expires_at": now + timedelta(seconds=60),
            "started_at": now - timedelta(seconds=claimed or 0),
            "claimed_at": now - timedelta(seconds=claimed or 0),
            **values,
        }
    Image.objects.filter(pk=image.pk).update(**values)
    image.refresh_from_db()
    return image


def set_last_claims(organizations: Mapping[str, Organization], seconds_ago: Mapping[str, float]) -> None:
    """Set when a worker last began a pull of each organization."""
    for name, seconds in seconds_ago.items():
        Quota.objects.filter(pk=organizations[name].pk).update(last_claim_at=Now() - timedelta(seconds=seconds))
