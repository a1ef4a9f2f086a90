"""A clock that tests of exports and downloads set forward."""

from __future__ import annotations


class Clock:
    """A clock that tests set forward."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now
