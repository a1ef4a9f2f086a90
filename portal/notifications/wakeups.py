"""Enqueuing the job that sends a notice."""

from __future__ import annotations

import uuid
from functools import partial

from django.db import transaction

from groups.rules import wakeups


def wake_deliver(notice_id: uuid.UUID) -> None:
    """Enqueue the job that sends this notice, once the transaction has committed."""
    transaction.on_commit(partial(wakeups.enqueue_job, "notices", "portal.notifications.jobs.deliver", str(notice_id)))
