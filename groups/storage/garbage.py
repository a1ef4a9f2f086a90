"""When blobs are deleted from the store.

A blob is in use while a layer points to it. When the last such layer goes, `mark_unused` writes the time on the
blob's row; after a grace period `collect` deletes the row, then the object. A pull that reuses a blob locks its row, so
a pull and a collection can't miss each other; in addition the foreign key refuses to delete a row that a layer points
to. The row goes before its object: an object without a row is an orphan, removed once it is older than the grace
period, but a row without an object would be a layer that can't be delivered.

`groups.ingest` decides which blobs a pull stores; `groups.storage.store` removes the objects.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from groups.failures import StoreFailed
from groups.models import Blob, Image, Layer
from groups.storage import store
from registries.foundation.clock import database_now
from registries.foundation.ids import BlobId

log = structlog.get_logger(__name__)

BATCH = 500
_IN_USE = Exists(Layer.objects.filter(blob=OuterRef("pk")))


def mark_unused(blobs: Collection[BlobId]) -> None:
    """Mark those blobs (by id) that no layer uses any more. Called in the transaction that removes the layers."""
    # Locked in one order, so that two transactions that mark the same blobs can't deadlock.
    list(Blob.objects.select_for_update().filter(pk__in=blobs).order_by("pk").values_list("pk"))
    Blob.objects.used().filter(~_IN_USE, pk__in=blobs).update(unused_since=Now())


def empty_layers(image: Image) -> None:
    """Remove the image's layers from their blobs. Blobs that this pull stored are deleted once the transaction has
    committed, unless something else uses them; older ones are kept for the usual grace period."""
    blobs = list(Blob.objects.filter(layers__image=image).distinct().values_list("pk", "name", "stored_at"))
    image.layers.update(blob=None, committed_at=None, received=0)
    mark_unused([pk for pk, _, _ in blobs])
    own = [name for _, name, stored_at in blobs if stored_at >= image.created_at]
    if own:
        transaction.on_commit(partial(delete_unreferenced, own))


def delete_unreferenced(names: Iterable[str]) -> None:
    """Delete the blobs of these names that no layer uses, rows and objects, at once. What can't be deleted now is
    left to `sweep`."""
    for name in names:
        if _delete_row(Blob.objects.filter(name=name)) or not Blob.objects.filter(name=name).exists():
            store.try_delete(name)


def sweep() -> dict[str, int]:
    """Do one pass; return how many of each kind were removed, 0 where the storage fails."""
    before = _earliest_now() - timedelta(seconds=settings.PORTAL_BLOB_GRACE_SECONDS)
    return {
        "blobs_removed": collect(),
        "orphans_removed": _unless_store_fails(remove_orphans, before),
        "unfinished_removed": _unless_store_fails(store.remove_unfinished, before),
    }


def collect() -> int:
    """Delete blobs that have been unused for longer than the grace period. Returns how many, at most `BATCH`."""
    grace = timedelta(seconds=settings.PORTAL_BLOB_GRACE_SECONDS)
    # Blobs that a crash left unmarked: marked now, deleted after the grace period.
    Blob.objects.used().filter(~_IN_USE, stored_at__lt=Now() - grace).update(unused_since=Now())
    removed = 0
    for pk, name in Blob.objects.filter(unused_since__lt=Now() - grace).values_list("pk", "name")[:BATCH]:
        if _delete_row(Blob.objects.filter(pk=pk, unused_since__lt=Now() - grace)):
            store.try_delete(name)
            removed += 1
    return removed


def remove_orphans(before: datetime) -> int:
    """Delete objects without a row that were written before then, too long ago for a pull in progress to be about to
    create the row. Returns how many. Raises StoreFailed."""
    removed = 0
    names = store.names()
    while batch := set(islice(names, BATCH)):
        for name in batch - _known(batch):
            written = store.written_at(name)
            if written is None or written >= before:
                continue
            # Checked again now that the age is known: a name without a row by now never gets one.
            if not _known({name}):
                store.delete(name)
                removed += 1
    return removed


def _earliest_now() -> datetime:
    """Return the time by this machine's clock or the database's, whichever is behind. The store has a clock of its own
    for its objects: even if one of ours is wrong, nothing that was written just now looks old."""
    return min(timezone.now(), database_now())


def _delete_row(rows: QuerySet[Blob]) -> bool:
    """Delete the row if it still matches and no layer points to it; return whether it was deleted."""
    try:
        with transaction.atomic():
            blob = rows.select_for_update().first()
            if blob is None or blob.layers.exists():
                return False
            blob.delete()
    except IntegrityError:  # a layer came to use it in the meantime
        return False
    return True


def _known(names: set[str]) -> set[str]:
    return set(Blob.objects.filter(name__in=names).values_list("name", flat=True))


def _unless_store_fails(work: Callable[[datetime], int], before: datetime) -> int:
    try:
        return work(before)
    except StoreFailed as failure:
        log.warning("garbage_not_deleted", work=work.__name__, raw=failure.raw)
        return 0
