"""The limits of time that requests to a registry have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeouts:
    """How long a registry may take, in seconds, and the minimum rate of a body in bytes per second.

    `head` and `document` limit the headers and a whole short body; `rate` is measured over each `rate_window`.
    """

    connect: float = 10.0
    read: float = 30.0
    head: float = 60.0
    document: float = 60.0
    rate: int = 8_000
    rate_window: float = 30.0
