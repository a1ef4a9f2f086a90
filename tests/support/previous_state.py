"""The database of an older portal, as a dump, and an empty database to load it into.

The dump is what `manage.py dumpdata` of that portal writes (rows with `model`, `pk` and `fields`; bytes in base64),
with the migrations that were applied to it. Everything in it was made for these tests, with keys that `write_keys`
makes again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps
from django.db.models import Field, ForeignKey, Model
from django.db.utils import ConnectionHandler

from registries.secrets import keyring

DUMP = Path(__file__).parent.parent / "portal" / "migrations" / "previous_state.json"
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True)
class Row:
    """One row as it was: `model` is its label, such as `portal.audit.log`; `fields` are by name, without the key."""

    model: str
    pk: int | str
    fields: dict[str, Json]


@dataclass(frozen=True)
class PreviousState:
    """The rows of all models, and up to which migration each app was migrated."""

    migrations: list[tuple[str, str]]
    rows: list[Row]

    def of(self, model: str) -> list[Row]:
        """The rows of one model, by its label."""
        return [row for row in self.rows if row.model == model]


def read_dump() -> PreviousState:
    """Return what the dump says."""
    document = json.loads(DUMP.read_text(encoding="utf-8"))
    return PreviousState(list(document["migrations"].items()), [Row(**row) for row in document["rows"]])


def load(state: PreviousState) -> StateApps:
    """Migrate the default database, which is empty, to the previous state and write the rows of it, each value as it
    was dumped. Return the models of that state."""
    executor = MigrationExecutor(connection)
    known = [migration for migration in state.migrations if migration in executor.loader.graph.nodes]
    executor.migrate(known)
    for app, name in set(state.migrations) - set(known):  # of apps that are not installed any more
        executor.recorder.record_applied(app, name)
    apps = executor.loader.project_state(known).apps
    with transaction.atomic():
        installed = {config.label for config in apps.get_app_configs()}
        rows = [row for row in state.rows if row.model.partition(".")[0] in installed]
        for label in reversed(list(dict.fromkeys(row.model for row in rows))):
            apps.get_model(label)._base_manager.all().delete()  # what migrations wrote is in the dump as well
        links = [link for row in rows for link in _write(apps.get_model(row.model), row)]
        for link in links:
            getattr(link.source, link.name).set(link.targets)
    connection.check_constraints()
    with connection.cursor() as cursor:
        models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)
    return apps


@contextmanager
def empty_database(folder: Path) -> Iterator[BaseDatabaseWrapper]:
    """A new database of the kind that the tests run on: a file in `folder`, or one more on the PostgreSQL server."""
    if connection.vendor == "sqlite":
        with closing(_database(str(folder / "upgrade.sqlite3"))) as database:
            yield database
        return
    name = f"upgrade_{os.getpid()}"
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        with closing(_database(name)) as database:
            yield database
    finally:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")


@contextmanager
def as_default(database: BaseDatabaseWrapper) -> Iterator[None]:
    """Have everything use this database in the place of the tests' own."""
    usual = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = database
    ContentType.objects.clear_cache()  # which keeps ids, and each database has its own
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = usual
        ContentType.objects.clear_cache()


def write_keys(folder: Path) -> None:
    """Write the keys that the dump was sealed with, as `PORTAL_KEY_DIR` has them."""
    for zone, name, size in [("web", "data.key", 32), ("worker", "layers.key", 32), ("worker", "seal-1.key", 96)]:
        (folder / zone).mkdir(parents=True, exist_ok=True)
        (folder / zone / name).write_bytes(throw_away(name, size))
    keyring.create_epoch(after=0)


def throw_away(name: str, size: int = 32) -> bytes:
    """Bytes that were random enough for the dump, and are the same each time."""
    return hashlib.shake_256(f"throw-away {name}".encode()).digest(size)


def _database(name: str) -> BaseDatabaseWrapper:
    return ConnectionHandler({DEFAULT_DB_ALIAS: connection.settings_dict | {"NAME": name}})[DEFAULT_DB_ALIAS]


class _Link(NamedTuple):
    """What a row is linked with by a relation of many to many."""

    source: Model
    name: str
    targets: Json


def _write(model: type[Model], row: Row) -> list[_Link]:
    """Insert the row; return its links, which are made when all rows are there."""
    values, links = {}, []
    for name, value in row.fields.items():
        field = model._meta.get_field(name)
        assert isinstance(field, Field), f"{row.model}.{name} is no column"
        if field.many_to_many:
            links.append((name, value))
        elif isinstance(field, ForeignKey):
            values[field.attname] = field.target_field.to_python(value)
        else:
            values[name] = field.to_python(value)
    instance = model(pk=model._meta.pk.to_python(row.pk), **values)
    instance.save_base(raw=True, force_insert=True)  # raw: a time that is set when a row is saved stays as it was
    return [_Link(instance, name, targets) for name, targets in links]
