"""Queries whose SQL is compiled once a process, for those that run many times a second.

Django compiles a query each time it runs, which takes many times as long as the database takes to answer it. A compiled
query is written like any other query; only its values change from one call to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, NewType, TypeAlias, get_type_hints
from uuid import UUID

from django.db import connection
from django.db.models import Model, QuerySet, UUIDField

Value: TypeAlias = int | str | UUID
Argument: TypeAlias = int | float | Decimal | str | bytes | date | UUID | None
"""What the driver takes in place of a parameter."""
Row: TypeAlias = tuple[Any, ...]
"""A row as the driver returns it; the caller knows the types of its columns."""
_UUID_FIELD: UUIDField[UUID, UUID] = UUIDField()


class CompiledQuery:
    """The query that `compose` returns, as plain rows: what the driver returns, without Django's conversions.

    Each parameter of `compose` is annotated as int, str, UUID or a type of `registries.foundation.ids`, and the query
    compares something with it for equality. A value that would change the SQL, such as None, can't be a parameter. Use
    the database's time, `Now()`: a time of Python's would be compiled into the query.
    """

    def __init__(self, compose: Callable[..., QuerySet[Model, object]]) -> None:
        self._compose = compose
        self.__doc__ = compose.__doc__

    def rows(self, **values: Value) -> list[Row]:
        """Return the rows for these values, one for each parameter."""
        sql, arguments = self._compiled
        with connection.cursor() as cursor:
            cursor.execute(
                sql,
                [_adapt(values[given.name]) if isinstance(given, _Parameter) else given for given in arguments],
            )
            rows: list[Row] = cursor.fetchall()
        return rows

    def first(self, **values: Value) -> Row | None:
        """Return the first row, or None."""
        return next(iter(self.rows(**values)), None)

    @cached_property
    def _compiled(self) -> tuple[str, list[Argument | _Parameter]]:
        """The SQL and its arguments: constants of the query, and parameters. Raises TypeError where the query can't be
        compiled once for all values."""
        types = {name: kind for name, kind in get_type_hints(self._compose).items() if name != "return"}
        samples = {name: _sample(name, kind, number) for number, (name, kind) in enumerate(types.items())}
        sql, values = self._compose(**samples).query.sql_with_params()
        if (sql, values) != self._compose(**samples).query.sql_with_params():
            raise TypeError(f"{self._compose.__name__} is another query each time, as one with Python's time in it")
        names = {_adapt(value): name for name, value in samples.items()}
        arguments: list[Argument | _Parameter] = [
            _Parameter(names[value]) if isinstance(value, Value) and value in names else value for value in values
        ]
        used = {given.name for given in arguments if isinstance(given, _Parameter)}
        if missing := types.keys() - used:
            raise TypeError(f"{self._compose.__name__} compares nothing with {', '.join(sorted(missing))}")
        return sql, arguments


class _Parameter:
    """An argument of the SQL that the caller gives the value of."""

    def __init__(self, name: str) -> None:
        self.name = name


def _sample(name: str, kind: type | NewType, number: int) -> Value:
    """A value that no query contains by itself, by which the parameter is found among the compiled arguments."""
    if isinstance(kind, NewType):
        kind = kind.__supertype__
    if kind is int:
        return 2_147_000_000 + number
    if kind is str:
        return f"\x02{name}\x03"
    if kind is UUID:
        return UUID(int=2**127 + number)
    raise TypeError(f"{name} is neither int nor str nor UUID")


def _adapt(value: Value) -> Argument:
    """The value as the database's driver takes it."""
    adapted: Argument = _UUID_FIELD.get_db_prep_value(value, connection) if isinstance(value, UUID) else value
    return adapted
