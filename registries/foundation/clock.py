"""The database's clock, which all processes share.

Every limit is decided by it: rows are stamped by the database (`db_default=Now()`, `update(…=Now())`) and compared with
`Now()`. The clocks of web processes and workers only measure how long something takes.
"""

from __future__ import annotations

from datetime import datetime

from django.db import DEFAULT_DB_ALIAS
from django.db.models.functions import Now
from django.db.models.sql import Query


def database_now() -> datetime:
    """The time by the database's clock, where a condition with `Now()` is not enough. One query, of no table."""
    query = Query(None)
    query.add_annotation(Now(), "now")
    now: datetime = next(iter(query.get_compiler(DEFAULT_DB_ALIAS).results_iter()))[0]
    return now
