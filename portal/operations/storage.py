"""What is stored for whom, what nothing uses any more, and, when asked, objects in the store that have no row."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.core.files.storage import FileSystemStorage, storages
from django.db.models import Count, Q, Sum

from groups.failures import StoreFailed
from groups.models import Blob
from groups.rules.quotas import quota_of
from groups.storage import store
from portal.models import Organization

BATCH = 500
LOOK_SECONDS = 5.0
MAX_LINES = 200


@dataclass(frozen=True)
class Line:
    """An organization: bytes in use, bytes that nothing uses and that go after the grace, and its limit."""

    organization: Organization
    used: int
    reclaimable: int
    blobs: int

    @property
    def limit(self) -> int | None:
        """How many bytes it may have stored."""
        return quota_of(self.organization).max_stored_bytes

    @property
    def percent(self) -> int | None:
        """How much of its limit is used."""
        most = self.limit
        return None if most is None else min(999, self.used * 100 // most) if most else 100


@dataclass(frozen=True)
class Storage:
    """All of it together: `free` bytes of the disk where the store is one."""

    lines: list[Line]
    used: int
    reclaimable: int
    blobs: int
    free: int | None


@dataclass(frozen=True)
class Orphans:
    """Objects without a row, of those that were looked at; `whole` where all were. `away` where the store is."""

    looked_at: int = 0
    orphans: int = 0
    whole: bool = True
    away: bool = False


def read() -> Storage:
    """Sum up what is stored, in two queries. The largest first."""
    used, left = Q(unused_since__isnull=True), Q(unused_since__isnull=False)
    rows: Any = Blob.objects.order_by().values("organization").annotate(
        used=Sum("size", filter=used, default=0), left=Sum("size", filter=left, default=0), blobs=Count("pk")
    )  # fmt: skip
    sums = {row["organization"]: row for row in rows}
    known = Organization.objects.select_related("quota").in_bulk(sums)
    lines = [Line(known[pk], row["used"], row["left"], row["blobs"]) for pk, row in sums.items() if pk in known]
    return Storage(
        lines=sorted(lines, key=lambda line: -line.used)[:MAX_LINES],
        used=sum(line.used for line in lines),
        reclaimable=sum(line.reclaimable for line in lines),
        blobs=sum(line.blobs for line in lines),
        free=_free(),
    )


def look_for_orphans() -> Orphans:
    """Walk through the store for a few seconds. Young objects may be about to get their row; the sweeper removes
    those that stay without one."""
    until = time.monotonic() + LOOK_SECONDS
    looked_at = orphans = 0
    names = store.names()
    try:
        while batch := set(islice(names, BATCH)):
            known = set(Blob.objects.filter(name__in=batch).values_list("name", flat=True))
            looked_at, orphans = looked_at + len(batch), orphans + len(batch - known)
            if time.monotonic() > until:
                return Orphans(looked_at, orphans, whole=False)
    except StoreFailed:
        return Orphans(looked_at, orphans, whole=False, away=True)
    return Orphans(looked_at, orphans)


def _free() -> int | None:
    blobs = storages["blobs"]
    if not isinstance(blobs, FileSystemStorage):
        return None
    try:
        return shutil.disk_usage(blobs.base_location).free
    except OSError:
        return None
