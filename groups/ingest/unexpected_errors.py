"""Logging of unexpected errors."""

from __future__ import annotations

import traceback
import uuid

import structlog

log = structlog.get_logger(__name__)

MAX_FRAMES = 8


def log_unexpected(event: str, error: Exception, **context: object) -> str:
    """Log the error's type and last frames, without its message, which may hold secrets.

    Returns the correlation id that finds the log entry: 12 hex digits.
    """
    correlation = uuid.uuid4().hex[:12]
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error(event, correlation=correlation, error=type(error).__name__, frames=frames[-MAX_FRAMES:], **context)
    return correlation
