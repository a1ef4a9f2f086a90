"""A recorder of actions that fails, to show that nothing is done that can't be recorded."""

from __future__ import annotations

from registries.foundation.activity import ActivityEntry

PATH = "tests.support.failing_recorder.fail"
"""For `settings.ACTIVITY_RECORDER`."""


class RecordingFailed(Exception):
    """The activity took no record."""


def fail(entry: ActivityEntry) -> None:
    raise RecordingFailed(entry.action)
