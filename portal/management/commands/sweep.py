"""One pass of the sweeper, or one every few seconds. Prints a line of JSON for each pass that repaired something."""

from __future__ import annotations

import json
import signal
import threading
import time
from argparse import ArgumentParser
from functools import partial

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections

from groups import sweep as groups
from portal.accounts import attempt_counters, browser_sessions, password_mails
from portal.accounts.sso import sweep as single_sign_on
from portal.audit import refused_by_organization, refused_sign_ins
from portal.notifications import sending

PASSES_THROUGH_STORE_A_GRACE = 4

log = structlog.get_logger(__name__)


def sweep(*, thorough: bool = True) -> dict[str, int]:
    """Do one pass; return what was repaired, counted by kind. See the `sweep` of each package. Raises as
    `groups.sweep.run_all` does."""
    return groups.run_all(
        [
            ("groups", partial(groups.sweep, thorough=thorough)),
            ("notices", sending.sweep),
            ("refused_sign_ins", refused_sign_ins.sweep),
            ("refused_by_organization", refused_by_organization.sweep),
            ("password_mails", password_mails.sweep),
            ("sessions", browser_sessions.sweep),
            ("sign_in_limits", attempt_counters.sweep),
            ("single_sign_on", single_sign_on.sweep),
        ]
    )


class Command(BaseCommand):
    help = "Repair what was interrupted: leases, retries, credentials, notifications, unused blobs."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="keep sweeping, with this pause")

    def handle(self, *args: object, every: float | None = None, **options: object) -> None:
        if every is None:
            self.stdout.write(json.dumps(sweep()))
            return
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        # Listing a large store takes long, and costs money in an object store.
        thorough_every = settings.PORTAL_BLOB_GRACE_SECONDS / PASSES_THROUGH_STORE_A_GRACE
        due = 0.0
        while not ended.is_set():
            thorough = time.monotonic() >= due
            due = time.monotonic() + thorough_every if thorough else due
            self._pass(thorough)
            ended.wait(every)

    def _pass(self, thorough: bool) -> None:
        """Do a pass. One that fails is logged, and the next one is tried."""
        close_old_connections()
        try:
            counts = sweep(thorough=thorough)
        except Exception as error:  # whatever it was must not end the sweeper
            log.error("sweep_failed", error=type(error).__name__)
            return
        if any(counts.values()):
            self.stdout.write(json.dumps(counts))
            self.stdout.flush()
