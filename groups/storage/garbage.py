"""What may leave the store, and when.

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
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, Max, OuterRef, QuerySet, RestrictedError
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from groups.failures import StoreFailed
from groups.models import Blob, Image, Layer
from groups.storage import store

log = structlog.get_logger(__name__)

BATCH = 500
_IN_USE = Exists(Layer.objects.filter(blob=OuterRef("pk")))


def mark_unused(blobs: Collection[Any]) -> None:
    """Note of these blobs (ids) that nothing uses them any more, where that is so. Called in the transaction in which
    their layers went."""
    # Locked in one order, so that two who let go of the same ones wait for each other instead of for ever.
    list(Blob.objects.select_for_update().filter(pk__in=blobs).order_by("pk").values_list("pk"))
    Blob.objects.used().filter(~_IN_USE, pk__in=blobs).update(unused_since=Now())


def empty_layers(image: Image) -> None:
    """Empty the image's layers. What this very pull had stored goes when the transaction has committed: nothing else
    has come to rely on it. What was there before it gets the usual grace."""
    blobs = list(Blob.objects.filter(layers__image=image).distinct().values_list("pk", "name", "stored_at"))
    image.layers.update(blob=None, committed_at=None, received=0)
    mark_unused([pk for pk, _, _ in blobs])
    own = [name for _, name, stored_at in blobs if stored_at >= image.created_at]
    if own:
        transaction.on_commit(partial(delete_unreferenced, own))


def delete_unreferenced(names: Iterable[str]) -> None:
    """Remove what a pull had stored and nothing uses, row and object, at once. What can't be removed now, `sweep`
    will."""
    for name in names:
        if _delete_row(Blob.objects.filter(name=name)) or not Blob.objects.filter(name=name).exists():
            store.try_delete(name)


def sweep() -> dict[str, int]:
    """Do one pass; return how much went of each kind. Nothing where the storage is away."""
    before = _earliest_now() - timedelta(seconds=settings.PORTAL_BLOB_GRACE_SECONDS)
    return {
        "blobs_removed": collect(),
        "orphans_removed": _if_there(remove_orphans, before),
        "unfinished_removed": _if_there(store.remove_unfinished, before),
    }


def collect() -> int:
    """Remove blobs that nothing has used for longer than the grace. Returns how many."""
    grace = timedelta(seconds=settings.PORTAL_BLOB_GRACE_SECONDS)
    # Whoever died before it could say so: noted now, gone a grace later.
    Blob.objects.used().filter(~_IN_USE, stored_at__lt=Now() - grace).update(unused_since=Now())
    removed = 0
    for pk, name in Blob.objects.filter(unused_since__lt=Now() - grace).values_list("pk", "name")[:BATCH]:
        if _delete_row(Blob.objects.filter(pk=pk, unused_since__lt=Now() - grace)):
            store.try_delete(name)
            removed += 1
    return removed


def remove_orphans(before: datetime) -> int:
    """Remove objects that have no row and were written before then: no pull that still goes on can be about to make
    one. Returns how many. Raises StoreFailed."""
    removed = 0
    names = store.names()
    while batch := set(islice(names, BATCH)):
        for name in batch - _known(batch):
            written = store.written_at(name)
            if written is None or written >= before:
                continue
            # Asked again, with the age known: a name that has no row by now never gets one.
            if not _known({name}):
                store.delete(name)
                removed += 1
    return removed


def _earliest_now() -> datetime:
    """Return what time it is by this machine's clock or the database's, whichever is behind. The store dates its
    objects by a clock of its own: whichever of ours goes wrong, nothing that was written just now looks old."""
    database: datetime = Blob.objects.aggregate(now=Coalesce(Max(Now()), Now()))["now"]
    return min(timezone.now(), database)


def _delete_row(rows: QuerySet[Blob]) -> bool:
    """Delete one blob's row where it is still what was asked for and no layer points to it."""
    try:
        with transaction.atomic():
            blob = rows.select_for_update().first()
            if blob is None or blob.layers.exists():
                return False
            blob.delete()
    except (IntegrityError, RestrictedError):  # a layer took it up in between
        return False
    return True


def _known(names: set[str]) -> set[str]:
    return set(Blob.objects.filter(name__in=names).values_list("name", flat=True))


def _if_there(work: Callable[[datetime], int], before: datetime) -> int:
    try:
        return work(before)
    except StoreFailed as failure:
        log.warning("garbage_stays", work=work.__name__, raw=failure.raw)
        return 0
