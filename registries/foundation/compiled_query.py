"""Queries whose SQL is composed once a process, for what is asked many times a second.

Django composes a query anew each time it is asked, which takes many times as long as the database takes to answer it.
A statement is written as any other query; only its values change from one time to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, get_type_hints
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet, UUIDField

Value = int | str | UUID
_UUIDS: Any = UUIDField()


class CompiledQuery:
    """The query that `compose` returns, as plain rows: what a driver gives, without Django's conversions.

    Each parameter of `compose` is annotated as int, str or UUID, and the query compares something with it for equality;
    what makes another query of another value, such as None, is no such parameter. The time is the database's, `Now()`:
    one of Python's would stand still.
    """

    def __init__(self, compose: Callable[..., QuerySet[Any]]) -> None:
        self._compose = compose
        self.__doc__ = compose.__doc__

    def rows(self, **values: Value) -> list[tuple[Any, ...]]:
        """Ask, with a value for each parameter."""
        sql, places = self._composed
        with connection.cursor() as cursor:
            cursor.execute(sql, [_sent(values[place.name]) if isinstance(place, _Place) else place for place in places])
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def first(self, **values: Value) -> tuple[Any, ...] | None:
        """The first row, if there is one."""
        return next(iter(self.rows(**values)), None)

    @cached_property
    def _composed(self) -> tuple[str, list[Any]]:
        """The SQL, and what stands in its places: constants of the query, and which parameter."""
        kinds = {name: kind for name, kind in get_type_hints(self._compose).items() if name != "return"}
        stand_ins = {name: _stand_in(name, kind, number) for number, (name, kind) in enumerate(kinds.items())}
        sql, values = self._compose(**stand_ins).query.sql_with_params()
        if (sql, values) != self._compose(**stand_ins).query.sql_with_params():
            raise TypeError(f"{self._compose.__name__} is another query each time, as one with Python's time in it")
        names = {_sent(value): name for name, value in stand_ins.items()}
        places = [_Place(names[value]) if isinstance(value, Value) and value in names else value for value in values]
        if missing := kinds.keys() - {place.name for place in places if isinstance(place, _Place)}:
            raise TypeError(f"{self._compose.__name__} compares nothing with {', '.join(sorted(missing))}")
        return sql, places


class _Place:
    """Where a parameter's value goes."""

    def __init__(self, name: str) -> None:
        self.name = name


def _stand_in(name: str, kind: type, number: int) -> Value:
    """A value that no query has by itself."""
    if kind is int:
        return 2_147_000_000 + number
    if kind is str:
        return f"\x02{name}\x03"
    if kind is UUID:
        return UUID(int=2**127 + number)
    raise TypeError(f"{name} is neither int nor str nor UUID")


def _sent(value: Value) -> Any:
    """A value as the database takes it."""
    return _UUIDS.get_db_prep_value(value, connection) if isinstance(value, UUID) else value
