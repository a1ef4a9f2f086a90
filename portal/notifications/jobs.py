"""What workers run to tell people: an id in, a call out. As `groups.jobs`, a job never raises."""

from __future__ import annotations

from groups.jobs import run_job
from portal.notifications import sending


def tell(occurrence_id: str) -> None:
    """Find out who wants to hear of it, if nobody has."""
    run_job("tell", occurrence_id, sending.fan_out)


def deliver(notice_id: str) -> None:
    """Send it, if it is due."""
    run_job("deliver", notice_id, sending.deliver)
