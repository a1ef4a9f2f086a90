"""Every public action takes its Actor, and one that can't be recorded has not happened.

The first is read from the source, so that an action which is added without an Actor or without a case fails here.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_type_hints

import pytest
from django.apps import apps
from django.db import connection

from registries.foundation.activity import ActivityEntry
from registries.foundation.actor import Actor
from tests.support import action_cases
from tests.support.action_cases import Case, Cast

MODULES = (
    "registries.actions",
    "groups.actions.checks",
    "groups.actions.lifecycle",
    "groups.actions.suspension",
    "groups.actions.tokens",
    "groups.actions.update",
    "groups.nodes.drain",
    "groups.nodes.enrolment",
    "groups.nodes.instance_orders",
    "groups.nodes.liveness",
    "portal.accounts.actions",
    "portal.audit.erasure",
    "portal.notifications.subscriptions",
    "portal.notifications.webhooks",
    "portal.organizations.actions",
    "portal.organizations.api_keys",
    "portal.organizations.invitations",
    "portal.support.consent",
    "portal.support.conversations",
    "portal.support.desk.actions",
)
"""Where actions are."""
ACTIVITY = {"portal_activity", "portal_activitytext", "portal_activityhead"}
READS = "changes nothing"
UPKEEP = "the portal's own upkeep, of which nobody keeps a record"
NO_ACTIONS = {
    "groups.actions.checks.end_overdue": UPKEEP,
    "groups.actions.checks.wake_overlooked": UPKEEP,
    "groups.actions.checks.remove_old": UPKEEP,
    "groups.nodes.liveness.release_silent": UPKEEP,
    "groups.nodes.drain.move_next_instances": UPKEEP,
    "groups.nodes.enrolment.check_name": READS,
    "groups.actions.suspension.sweep": UPKEEP,
    "portal.organizations.api_keys.listed_keys": READS,
    "portal.organizations.api_keys.find_live_key": "notes when the key was last used",
    "portal.notifications.subscriptions.wanted": READS,
    "portal.notifications.subscriptions.people_for": READS,
    "portal.notifications.webhooks.secrets_of": READS,
    "portal.support.consent.is_operator": READS,
    "portal.support.consent.shared": READS,
    "portal.support.consent.is_shared": READS,
    "portal.support.consent.sees_all": READS,
    "portal.support.consent.shared_ids": READS,
    "portal.support.consent.kind_of": READS,
    "portal.support.consent.title_of": READS,
    "portal.support.desk.actions.digest_of": READS,
    "portal.support.desk.actions.subject_of": READS,
}
"""Public functions of those modules that are no actions, and why."""


class RecordingFailed(Exception):
    """Raised by the recorder of these tests."""


def refuse(entry: ActivityEntry) -> None:
    """Record nothing, as where the database is full."""
    raise RecordingFailed(entry.action)


def modules() -> Iterator[ModuleType]:
    for name in MODULES:
        yield importlib.import_module(name)


def public_functions() -> dict[str, Any]:
    return {
        f"{module.__name__}.{name}": function
        for module in modules()
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    }


def actions() -> dict[str, Any]:
    return {name: function for name, function in public_functions().items() if name not in NO_ACTIONS}


def cases() -> list[Case]:
    found: list[Case] = []
    for module in pkgutil.iter_modules(action_cases.__path__, f"{action_cases.__name__}."):
        found += importlib.import_module(module.name).CASES
    return found


@pytest.mark.parametrize("name", actions())
def test_an_action_takes_its_actor(name: str) -> None:
    function = actions()[name]
    by = inspect.signature(function).parameters.get("by")

    assert by is not None, f"{name} changes something, and nobody knows who did it"
    assert by.kind is inspect.Parameter.KEYWORD_ONLY
    assert by.default is inspect.Parameter.empty, f"{name} has an actor that nobody needs to name"
    assert get_type_hints(function)["by"] is Actor


def test_each_action_has_a_case() -> None:
    assert set(actions()) - {case.action for case in cases()} == set()
    assert {case.action for case in cases()} - set(actions()) == set(), "a case of something that is no action"
    assert set(NO_ACTIONS) <= set(public_functions())


@pytest.fixture
def cast(alice: Any, bob: Any, carol: Any, mallory: Any, sam: Any, olga: Any, acme: Any, project: Any) -> Cast:
    return Cast(alice, bob, carol, mallory, sam, olga, acme, project)


def rows() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, those of other packages included."""
    tables = [model._meta for model in apps.get_models() if model._meta.managed]
    found = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT * FROM {table.db_table} ORDER BY {table.pk.column}")
            found[table.db_table] = cursor.fetchall()
    return found


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.action)
def test_an_action_changes_something_and_records_it(case: Case, cast: Cast, blobs: Any) -> None:
    call = case.prepare(cast)
    before = rows()
    call()

    after = rows()
    assert len(after["portal_activity"]) > len(before["portal_activity"])
    changed = {table for table in after.keys() - ACTIVITY if after[table] != before[table]}
    erased = set(before["portal_activitytext"]) - set(after["portal_activitytext"])
    assert changed or erased, "so the next test could not fail"


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.action)
def test_what_is_not_recorded_has_not_happened(case: Case, cast: Cast, settings: Any, blobs: Any) -> None:
    call = case.prepare(cast)
    before = rows()
    settings.ACTIVITY_RECORDER = f"{__name__}.refuse"
    with pytest.raises(RecordingFailed):
        call()

    after = rows()
    assert [table for table, found in after.items() if found != before[table]] == []
