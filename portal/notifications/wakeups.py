"""Enqueuing the job that sends a notice."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from groups.rules import wakeups
from registries.foundation.ids import NoticeId


def wake_deliver(notice_id: NoticeId) -> None:
    """Enqueue the job that sends this notice, once the transaction has committed."""
    transaction.on_commit(partial(wakeups.enqueue_job, "notices", "deliver", str(notice_id)))
