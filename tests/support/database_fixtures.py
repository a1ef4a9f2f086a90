"""Fixtures of pytest-django's, replaced: tests start from a copy of a database that was migrated once, and those that
commit leave it as they found it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import TransactionTestCase
from django.utils.functional import cached_property
from pytest_django import DjangoDbBlocker

from tests.support.migrated_database import copy_of_migrated, discard, keep_migrated, remember_clean, restore_clean


@pytest.fixture(scope="session")
def django_db_keepdb(
    request: pytest.FixtureRequest, django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> bool:
    """Start from a copy of a database that an earlier run migrated, where there is one of the same migrations."""
    with django_db_blocker.unblock():
        return copy_of_migrated(_database_folder(request.config))


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_keepdb: bool, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Keep the database that was migrated just now for the next run, and for the tests of this one that commit."""
    with django_db_blocker.unblock():
        if not django_db_keepdb:
            keep_migrated(_database_folder(request.config))
        remember_clean()
        _ask_for_features()
    yield
    if django_db_keepdb:
        with django_db_blocker.unblock():
            discard()


def _ask_for_features() -> None:
    """Django asks what the database can do when it first needs it, and keeps the answer. It does so here, and not
    within whichever test counts queries first."""
    for name, attribute in vars(type(connection.features)).items():
        if isinstance(attribute, cached_property):
            getattr(connection.features, name)


def _database_folder(config: pytest.Config) -> Path:
    """Where it is kept: in pytest's cache, or for this run only if that is switched off."""
    if config.pluginmanager.hasplugin("cacheprovider"):
        return config.cache.mkdir("migrated_database")
    folder = Path(os.environ["PORTAL_DATA_DIR"]) / "migrated_database"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(autouse=True, scope="session")
def _clean_database() -> Iterator[None]:
    """Let tests that commit leave the database as they found it, the append-only tables included."""
    case: Any = TransactionTestCase
    really = case._fixture_teardown

    def teardown(self: TransactionTestCase) -> None:
        restore_clean()

    case._fixture_teardown = teardown
    yield
    case._fixture_teardown = really
