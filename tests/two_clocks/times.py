"""Moments by the database's clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from registries.foundation.clock import database_now

MINUTE = timedelta(minutes=1)


def ago(*, seconds: float = 0, **more: float) -> datetime:
    return database_now() - timedelta(seconds=seconds, **more)


def in_about(moment: datetime | None, **span: float) -> bool:
    """Whether the moment is that far from the database's time, to a minute."""
    return moment is not None and abs(moment - database_now() - timedelta(**span)) < MINUTE
