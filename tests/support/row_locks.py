"""Which rows are locked by `SELECT … FOR UPDATE`, on a database too that has one writer and leaves the words out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.db.models.sql.compiler import SQLCompiler


@contextmanager
def row_locks() -> Iterator[list[str]]:
    """The tables of which rows were locked, in the order of their first lock."""
    tables: list[str] = []
    really = SQLCompiler.execute_sql

    def execute_sql(self: SQLCompiler, *arguments: Any, **options: Any) -> Any:
        meta = self.query.get_meta()
        if self.query.select_for_update and meta.db_table not in tables:
            tables.append(meta.db_table)
        return really(self, *arguments, **options)

    with mock.patch.object(SQLCompiler, "execute_sql", execute_sql):
        yield tables
