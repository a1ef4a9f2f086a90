"""Jobs that send notifications. Like those in `groups.jobs` they take an id and never raise. Workers know them by their
dotted path."""

from __future__ import annotations

from groups.jobs import run_job
from portal.notifications import sending
from registries.foundation.ids import NoticeId, OccurrenceId


def tell(occurrence_id: str) -> None:
    """Create the notices of an event (`Occurrence`), unless that was done."""
    run_job("tell", OccurrenceId, occurrence_id, sending.fan_out)


def deliver(notice_id: str) -> None:
    """Send a notice, if it is due."""
    run_job("deliver", NoticeId, notice_id, sending.deliver)
