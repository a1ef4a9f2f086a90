"""Which rows are locked by `SELECT … FOR UPDATE`, on a database too that has one writer and leaves the words out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler, SQLDeleteCompiler, SQLUpdateCompiler


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


@dataclass(frozen=True)
class RowLock:
    """One `SELECT … FOR UPDATE`: the table and the primary keys of the rows. `is_weak` is FOR NO KEY UPDATE, beside
    which other rows can still be made to refer to these. `skips` leaves out what others have locked. `order` has the
    fields by which they are locked one after the other."""

    table: str
    keys: frozenset[object]
    is_weak: bool
    skips: bool = False
    order: tuple[object, ...] = ()


@contextmanager
def row_lock_queries() -> Iterator[list[RowLock]]:
    """Each query that locks, in order."""
    locks: list[RowLock] = []
    really = SQLCompiler.execute_sql

    def execute_sql(self: SQLCompiler, *arguments: Any, **options: Any) -> Any:
        query = self.query
        if query.select_for_update and not isinstance(self, SQLUpdateCompiler | SQLDeleteCompiler):
            unlocked = query.clone()
            unlocked.select_for_update = False
            rows: QuerySet[Any] = QuerySet(model=query.model, query=unlocked)
            table, is_weak = query.get_meta().db_table, query.select_for_no_key_update
            locks.append(
                RowLock(
                    table,
                    frozenset(rows.values_list("pk", flat=True)),
                    is_weak,
                    query.select_for_update_skip_locked,
                    tuple(query.order_by),
                )
            )
        return really(self, *arguments, **options)

    with mock.patch.object(SQLCompiler, "execute_sql", execute_sql):
        yield locks
