"""Runs the whole portal in the foreground: Redis, web, layers, workers and sweeper. `demo` adds to it.

The first start creates keys, database and an operator. Until an operator has signed in, each start prints a one-time
link that sets this operator's password. Ctrl-C or SIGTERM stops everything.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from types import FrameType
from typing import IO

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from portal.management.first_links import first_operator_link
from portal.runtime import services
from portal.runtime.data_folder import make_data_folder
from portal.runtime.supervisor import Supervisor
from registries.secrets.private_files import NotPrivate

OPERATOR = "operator@localhost"
TEND_SECONDS = 0.5
# SIGINT too: a shell that starts this in the background sets it to be ignored.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Command(BaseCommand):
    help = "Run the whole portal in the foreground."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        for number in ENDING:
            signal.signal(number, _interrupt)
        try:
            make_data_folder(self.say)
        except NotPrivate as problem:
            raise CommandError(str(problem)) from None
        with self._lock_data_dir():
            supervisor = Supervisor(settings.PORTAL_DATA_DIR / "log", self.say)
            try:
                self.say("Preparing keys, database and static files")
                call_command("prepare")
                self.start(supervisor)
                self.run(supervisor)
            except services.CannotStart as problem:
                raise CommandError(str(problem)) from None
            except KeyboardInterrupt:
                self.say("Stopping")
            finally:
                _ignore_signals()
                supervisor.stop()

    def start(self, supervisor: Supervisor) -> None:
        """Start the portal's processes, and print its addresses."""
        self.say("Starting the portal")
        if embedded := services.embedded_redis():
            supervisor.start(embedded)
        services.wait_for_redis()
        workers = [services.worker(number) for number in range(1, settings.PORTAL_WORKERS + 1)]
        writers = [services.web(), services.layers(), *workers, services.short_worker()]
        if prints := services.prints_mail():
            console = os.dup(sys.stdout.fileno())
            writers = [services.with_console(writer, console) for writer in writers]
        for writer in writers:
            supervisor.start(writer)
        supervisor.start(services.sweeper())
        services.wait_for_web()
        self.say(f"Drayage is at   {settings.PORTAL_PUBLIC_URL}")
        self.say(f"Data and logs   {settings.PORTAL_DATA_DIR}")
        if link := first_operator_link(OPERATOR):
            self.say(f"Operator        {OPERATOR}   Open this link to set the password. It works once, for 24 hours:")
            self.say(f"                {link}")
        if prints:
            self.say("Emails          printed here: no mail server is set (PORTAL_EMAIL_URL)")
        self.say(f"Operations      {settings.PORTAL_PUBLIC_URL}/admin/")
        for warning in services.warnings():
            self.say(f"Warning         {warning}")

    def run(self, supervisor: Supervisor) -> None:
        """Tend the processes until a signal arrives."""
        self.say("Ctrl-C stops everything.")
        while True:
            supervisor.tend()
            time.sleep(TEND_SECONDS)

    def say(self, line: str) -> None:
        """Print a line at once."""
        self.stdout.write(line)
        self.stdout.flush()

    def _lock_data_dir(self) -> IO[str]:
        """Lock the data directory: two portals in one would share its Redis and database. Raises CommandError."""
        lock = open(settings.PORTAL_DATA_DIR / "up.lock", "w", opener=_private)  # noqa: SIM115 (held until the end)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise CommandError(f"a portal is running already in {settings.PORTAL_DATA_DIR}") from None
        return lock


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
