"""Storage in use and reclaimable by organization, and objects in the store that have no row."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from itertools import islice

from django.core.files.storage import FileSystemStorage, storages
from django.db.models import Count, Q, Sum

from groups.failures import StoreFailed
from groups.models import Blob
from groups.rules.quotas import quota_of
from groups.storage import store
from portal.models import Organization

BATCH = 500
MAX_SEARCH_SECONDS = 5.0
MAX_LINES = 200


@dataclass(frozen=True)
class Line:
    """An organization: bytes in use, unused bytes that are deleted after the grace period, and number of blobs."""

    organization: Organization
    used: int
    reclaimable: int
    blobs: int

    @property
    def limit(self) -> int | None:
        """How many bytes it may store; None without a limit."""
        return quota_of(self.organization).max_stored_bytes

    @property
    def percent(self) -> int | None:
        """How much of its limit is used, at most 999; None without a limit."""
        limit = self.limit
        return None if limit is None else min(999, self.used * 100 // limit) if limit else 100


@dataclass(frozen=True)
class Storage:
    """The sums of all organizations, in bytes. `free` is the disk's free space, None for an object store."""

    lines: list[Line]
    used: int
    reclaimable: int
    blobs: int
    free: int | None


@dataclass(frozen=True)
class Orphans:
    """How many of the `checked` objects have no row. `whole` says whether these are all, `unreachable` whether the
    store didn't answer."""

    checked: int = 0
    orphans: int = 0
    whole: bool = True
    unreachable: bool = False


def read_storage() -> Storage:
    """Sum up what is stored, in two queries. Organizations that use most come first."""
    used, left = Q(unused_since__isnull=True), Q(unused_since__isnull=False)
    rows = Blob.objects.order_by().values("organization").annotate(
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


def find_orphans() -> Orphans:
    """List the store for at most MAX_SEARCH_SECONDS. Young objects may be about to get their row; the sweeper removes
    those that stay without one."""
    until = time.monotonic() + MAX_SEARCH_SECONDS
    checked = orphans = 0
    names = store.names()
    try:
        while batch := set(islice(names, BATCH)):
            known = set(Blob.objects.filter(name__in=batch).values_list("name", flat=True))
            checked, orphans = checked + len(batch), orphans + len(batch - known)
            if time.monotonic() > until:
                return Orphans(checked, orphans, whole=False)
    except StoreFailed:
        return Orphans(checked, orphans, whole=False, unreachable=True)
    return Orphans(checked, orphans)


def _free() -> int | None:
    blobs = storages["blobs"]
    if not isinstance(blobs, FileSystemStorage):
        return None
    try:
        return shutil.disk_usage(blobs.base_location).free
    except OSError:
        return None
