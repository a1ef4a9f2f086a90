"""The rows of trusts: finding the one for an image, and noting each use. These functions record nothing and run inside
the caller's transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Now

from registries.foundation.ids import CheckId, ImageId, OrganizationId, ProjectId
from registries.models import Trust, TrustUse

USE_DAYS = 400
"""How long a use is shown: a little longer than a year of the other side's log."""
MAX_DELETED = 1000


class Issued(Protocol):
    """What is kept of a token that was issued: everything but the token."""

    @property
    def issuer(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def audience(self) -> str: ...
    @property
    def jti(self) -> str: ...
    @property
    def issued_at(self) -> datetime: ...


def find_trust(organization_id: OrganizationId, project_id: ProjectId | None, host: str) -> Trust | None:
    """Return the trust with which an image of this project at `host` is pulled: the project's own, else the
    organization's; None if there is neither. Without a project, it is the organization's."""
    return Trust.objects.for_host(organization_id, project_id, host).first()


def note_use(
    trust: Trust,
    issued: Issued,
    *,
    pull: str,
    reference: str,
    group_name: str = "",
    image_id: ImageId | None = None,
    check_id: CheckId | None = None,
) -> TrustUse:
    """Write that a token was issued, before it is sent. `pull` is the id that the token carries."""
    return TrustUse.objects.create(
        trust=trust,
        organization_id=trust.organization_id,
        pull=pull,
        image_id=image_id,
        check_id=check_id,
        group_name=group_name,
        reference=reference,
        issuer=issued.issuer,
        subject=issued.subject,
        audience=issued.audience,
        jti=issued.jti,
        issued_at=issued.issued_at,
    )


def settle_use(use: TrustUse, outcome: str) -> None:
    """Write what the cloud answered: `TrustUse.ACCEPTED`, or the code of the failure."""
    TrustUse.objects.filter(pk=use.pk).update(outcome=outcome, settled_at=Now())


def delete_old_uses() -> int:
    """Delete uses older than USE_DAYS, but for the latest of each trust; return how many. For the sweeper, a bounded
    number in each pass."""
    latest = TrustUse.objects.filter(trust=OuterRef("trust")).order_by("-issued_at", "-pk").values("pk")[:1]
    old = TrustUse.objects.filter(issued_at__lt=Now() - timedelta(days=USE_DAYS)).exclude(pk=Subquery(latest))
    keys = list(old.order_by("pk").values_list("pk", flat=True)[:MAX_DELETED])
    return TrustUse.objects.filter(pk__in=keys).delete()[0]
