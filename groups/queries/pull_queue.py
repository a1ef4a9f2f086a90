"""The queue of pulls: what an organization sees of its own, and the turns of all for operators.

An organization sees only its own numbers: how many others pull or wait can't be derived from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q

from groups.models import Image, Quota
from registries.foundation.ids import OrganizationId

MAX_LINES = 50


@dataclass(frozen=True)
class Place:
    """Where a pull that is due is in the queue of its organization: how many are in progress there, how many wait, and
    which of those it is, from 1. `waiting` is 0 if a worker took the pull before they were counted."""

    in_progress: int
    waiting: int
    number: int

    @property
    def sentence(self) -> str:
        """The place in words."""
        if self.waiting == 0 or (self.in_progress == 0 and self.waiting == 1):
            return "Waiting for a worker to take the pull."
        are = "is" if self.in_progress == 1 else "are"
        wait = "waits" if self.waiting == 1 else "wait"
        counts = f"{self.in_progress} of your organization's pulls {are} in progress and {self.waiting} {wait}."
        if self.number == 1:
            return f"Waiting for a worker: {counts} This one starts at your organization's next turn."
        return f"Waiting for a worker: {counts} This one is number {self.number}."


@dataclass(frozen=True)
class Line:
    """An organization's pulls: in progress, waiting and due, waiting for a later attempt; since when the oldest waits,
    and when a worker last began one. `is_next` marks the organization that a free worker takes next."""

    organization_id: OrganizationId
    organization: str
    in_progress: int
    waiting: int
    later: int
    oldest_at: datetime | None
    last_claim_at: datetime | None
    is_suspended: bool
    is_next: bool


def place(image: Image) -> Place:
    """Return the place of a queued image that is due, in two queries."""
    own = Image.objects.filter(organization=image.organization_id)
    before = Q(created_at__lt=image.created_at) | Q(created_at=image.created_at, pk__lt=image.pk)
    due = own.due().order_by().aggregate(count=Count("pk"), before=Count("pk", filter=before))
    return Place(own.pulling().count(), due["count"], due["before"] + 1)


def read_turns() -> list[Line]:
    """Return the organizations with unsettled pulls in the order of their turns, at most `MAX_LINES`. In three
    queries."""
    first = Image.objects.by_turn().values_list("organization_id", flat=True).first()
    queued = Q(status=Image.Status.QUEUED)
    rows = (
        Image.objects.unsettled()
        .order_by()
        .values_list("organization_id", "organization__name")
        .annotate(
            in_progress=Count("pk", filter=Q(status=Image.Status.PULLING)),
            waiting=Count("pk", filter=Q(pk__in=Image.objects.due().order_by().values("pk"))),
            queued=Count("pk", filter=queued),
            oldest=Min("created_at", filter=queued),
        )
    )
    unsettled = Image.objects.unsettled().order_by()
    quotas = {quota.pk: quota for quota in Quota.objects.filter(pk__in=unsettled.values("organization_id"))}
    lines = []
    for pk, name, in_progress, waiting, all_queued, oldest in rows:
        quota = quotas.get(pk) or Quota(organization_id=pk)
        is_suspended = quota.suspended_at is not None
        lines.append(
            Line(
                pk,
                name,
                in_progress,
                waiting,
                all_queued - waiting,
                oldest,
                quota.last_claim_at,
                is_suspended,
                pk == first,
            )
        )
    return sorted(lines, key=_turn)[:MAX_LINES]


def _turn(line: Line) -> tuple[bool, bool, int, float, float]:
    """As `Image.objects.by_turn` orders them; organizations without a pull that is due come last."""
    last = line.last_claim_at.timestamp() if line.last_claim_at else 0.0
    oldest = line.oldest_at.timestamp() if line.oldest_at else 0.0
    return not line.is_next, not line.waiting, line.in_progress, last, oldest
