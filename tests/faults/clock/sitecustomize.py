"""Shifts the clock of a process that has this folder on its path, by `FAULTS_CLOCK_SHIFT` seconds. Python imports a
module of this name at start. The monotonic clock, the database's and the file system's stay as they are."""

import os
from datetime import datetime, timedelta, timezone

import time_machine

if _shift := os.environ.get("FAULTS_CLOCK_SHIFT"):
    time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=float(_shift)), tick=True).start()  # noqa: UP017
