"""Waking a worker that sends a notice."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction

from groups.rules import wakeups


def wake_deliver(notice_id: Any) -> None:
    """Have a worker send this notice once the transaction has committed."""
    transaction.on_commit(partial(wakeups.enqueue_job, "notices", "portal.notifications.jobs.deliver", str(notice_id)))
