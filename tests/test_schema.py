"""The migrations make what the models declare: each constraint and index, each column and its default."""

from __future__ import annotations

from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from tests.support.product_modules import APPS


def test_models_and_migrations_agree() -> None:
    loader = MigrationLoader(None)
    made, declared = loader.project_state(), ProjectState.from_apps(apps)

    missing = MigrationAutodetector(made, declared).changes(loader.graph, trim_to_apps=set(APPS))

    assert [(app, step.describe()) for app in missing for row in missing[app] for step in row.operations] == []
