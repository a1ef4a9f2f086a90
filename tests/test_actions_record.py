"""Every public action takes its Actor, and one that can't be recorded has not happened.

Which modules have actions is read from the source: those named `actions`, and those that record. Each of their public
functions is an action with an Actor and a case, or is listed here with the reason why it is none.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from contextlib import suppress
from typing import Any, get_type_hints

import pytest
from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from groups.rules.states import Stale
from portal.models import Activity
from registries.foundation.actor import Actor
from registries.foundation.refusal import Refusal
from tests.support import action_cases, failing_recorder
from tests.support.action_cases import Case, Cast
from tests.support.product_modules import TREES

pytestmark = pytest.mark.slow

RECORDING, SIGN_INS = "registries.foundation.activity", "portal.audit.sign_ins"
ACTIVITY = {"portal_activity", "portal_activitytext", "portal_activityhead"}
READS = "changes nothing"
UPKEEP = "the portal's own upkeep, which nobody asks for"
ROWS = "a function on rows, called in the transaction of an action"
NO_ACTIONS = {
    "registries.credential_rows.store_credential": ROWS,
    "registries.credential_rows.empty_credential": ROWS,
    "registries.credential_rows.empty": ROWS,
    "registries.credential_rows.record_added": ROWS,
    "registries.credential_rows.record_destroyed": ROWS,
    "registries.credential_rows.record_kept": ROWS,
    "registries.credential_rows.target_of": READS,
    "registries.credential_rows.extend_for_pull": ROWS,
    "registries.credential_rows.note_use": UPKEEP,
    "registries.credential_rows.note_used_host": UPKEEP,
    "registries.trusts.actions.target_of": READS,
    "registries.actions.note_destroyed": UPKEEP,
    "registries.actions.note_tls_hosts": UPKEEP,
    "groups.actions.checks.end_overdue": UPKEEP,
    "groups.actions.checks.wake_queued": UPKEEP,
    "groups.actions.checks.remove_old": UPKEEP,
    "groups.actions.images.queue_image": ROWS,
    "groups.actions.images.lock_images": ROWS,
    "groups.actions.images.delete_locked": ROWS,
    "groups.actions.images.delete_image": UPKEEP,
    "groups.nodes.liveness.release_silent": UPKEEP,
    "groups.nodes.drain.move_next_instances": UPKEEP,
    "groups.nodes.enrolment.check_name": READS,
    "groups.nodes.enrolment.can_create_codes": READS,
    "groups.nodes.vouching.vouched_key": UPKEEP,
    "groups.nodes.vouching.vouch_existing": UPKEEP,
    "groups.nodes.vouching.vouch_enrolled": UPKEEP,
    "groups.actions.suspension.sweep": UPKEEP,
    "portal.accounts.address_proof.mail_proof": READS,
    "portal.accounts.address_proof.prove": ROWS,
    "portal.accounts.address_change.find": READS,
    "portal.accounts.own_account.departures_of": READS,
    "portal.accounts.password_links.create_link": ROWS,
    "portal.accounts.password_links.mail_link": "mails what was recorded when it was made",
    "portal.accounts.password_links.mail_proof_link": "mails a person a link that they asked for",
    "portal.accounts.sso.actions.check_address": READS,
    "portal.accounts.sso.domain_lookup.look_up": UPKEEP,
    "portal.accounts.sso.domain_lookup.read_texts": READS,
    "portal.accounts.sso.domain_lookup.sweep": UPKEEP,
    "portal.accounts.sso.logout.receive": "stores what a worker verifies before anything ends",
    "portal.accounts.sso.logout.verify": UPKEEP,
    "portal.accounts.sso.logout.sweep": UPKEEP,
    "portal.accounts.sso.logout.wake_again": UPKEEP,
    "portal.accounts.sso.organization_actions.check_domain": "wakes a worker",
    "portal.accounts.sso.requirement.is_required": READS,
    "portal.accounts.sso.requirement.note_requirement": ROWS,
    "portal.accounts.sso.requirement.restore": UPKEEP,
    "portal.accounts.sso.withdrawal.check": UPKEEP,
    "portal.accounts.sso.withdrawal.sweep": UPKEEP,
    "portal.audit.erasure.erase_texts_of": ROWS,
    "portal.audit.refused_sign_ins.note": "notes what the sweeper records",
    "portal.audit.refused_sign_ins.sweep": UPKEEP,
    "portal.audit.sign_ins.organizations_of": READS,
    "portal.audit.sign_ins.record_for_person": ROWS,
    "portal.accounts.factor_actions.has_codes_to_show": READS,
    "portal.accounts.factor_actions.is_passwordless": READS,
    "portal.operations.queues.read_queue": READS,
    "portal.operations.queues.empty_queue": "changes Redis, which no transaction covers, and records first",
    "portal.organizations.api_keys.listed_keys": READS,
    "portal.organizations.api_keys.expiry_after": READS,
    "portal.organizations.api_keys.find_live_key": "notes when the key was last used",
    "portal.organizations.holdings.holdings_of": READS,
    "portal.organizations.holdings.end_holdings": ROWS,
    "portal.organizations.holdings.end_invitations_to": ROWS,
    "portal.organizations.holdings.record_end": ROWS,
    "portal.notifications.subscriptions.wanted": READS,
    "portal.notifications.subscriptions.people_for": READS,
    "portal.notifications.webhooks.secrets_of": READS,
    "portal.notifications.webhooks.bound_to": READS,
    "portal.notifications.webhooks.is_rotating": READS,
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
REPEATABLE = {
    "registries.actions.add_credential",
    "groups.actions.checks.start_check",
    "groups.actions.lifecycle.requeue",
    "groups.actions.update.update",
    "groups.nodes.enrolment.create_enrolment",
    "groups.nodes.enrolment.create_replacement",
    "groups.nodes.instance_orders.restart",
    "groups.nodes.instance_orders.recreate",
    "portal.accounts.actions.set_password",
    "portal.accounts.session_actions.end_all_sessions",
    "portal.accounts.address_change.request_change",
    "portal.accounts.password_links.issue_link",
    "portal.accounts.sso.logout.end_sessions",
    "portal.accounts.sso.organization_actions.set_provider",
    "portal.accounts.factor_actions.add_passkey",
    "portal.accounts.factor_actions.replace_recovery_codes",
    "portal.organizations.factor_requirement.require_factors",
    "portal.notifications.webhooks.add",
    "portal.notifications.webhooks.rotate",
    "portal.notifications.webhooks.test",
    "portal.organizations.api_keys.create_key",
    "portal.organizations.invitations.invite",
}
"""Actions that do the same again when they are called again."""
CONTINUED = {"groups.actions.suspension.suspend"}
"""Actions after which more ends in transactions of its own, which the sweeper repeats."""


def has_actions(name: str) -> bool:
    """Whether a module is named for actions, or records one. Modules that handle requests of Django's and allauth's
    pages record those pages' changes of an account; they have no actions."""
    imported = {
        (node.module, alias.name)
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    records = (RECORDING, "record") in imported or tuple(RECORDING.rsplit(".", 1)) in imported
    records |= (SIGN_INS, "record_for_person") in imported and ("django.http", "HttpRequest") not in imported
    return records or "actions" in name.split(".")


def public_functions() -> dict[str, Callable[..., Any]]:
    modules = [importlib.import_module(name) for name in TREES if has_actions(name)]
    return {
        f"{module.__name__}.{name}": function
        for module in modules
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    }


def actions() -> dict[str, Callable[..., Any]]:
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


def outermost_blocks(statements: list[str]) -> list[list[str]]:
    """The statements that write, one list for each transaction: for each savepoint outside all others, as the test
    itself is in a transaction. What is written outside any is a list of its own."""
    blocks: list[list[str]] = []
    savepoints: list[str] = []
    for statement in statements:
        words = statement.replace('"', "").split()
        if words[0] == "SAVEPOINT":
            if not savepoints:
                blocks.append([])
            savepoints.append(words[1])
        elif words[0] == "RELEASE" and words[-1] in savepoints:
            del savepoints[savepoints.index(words[-1]) :]
        elif words[0] in ("INSERT", "UPDATE", "DELETE", "REPLACE"):
            if savepoints:
                blocks[-1].append(statement)
            else:
                blocks.append([statement])
    return [block for block in blocks if block]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.action)
def test_an_action_changes_something_and_records_it(case: Case, cast: Cast, blobs: Any) -> None:
    call = case.prepare(cast)
    before = rows()
    with CaptureQueriesContext(connection) as queries:
        call()

    after = rows()
    recorded = Activity.objects.exclude(pk__in=[row[0] for row in before["portal_activity"]]).select_related("text")
    by = call.keywords["by"]
    assert (by.kind, by.address, by.request_id) in {
        (row.actor_kind, row.text.client_address, row.request_id) for row in recorded
    }
    changed = {table for table in after.keys() - ACTIVITY if after[table] != before[table]}
    erased = set(before["portal_activitytext"]) - set(after["portal_activitytext"])
    assert changed or erased, "so the next test could not fail"

    [first, *more] = outermost_blocks([query["sql"] for query in queries])
    assert not more or case.action in CONTINUED, f"several transactions: {more}"
    assert '"portal_activity' in first[-1], f"something is written after the record: {first[-1]}"


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.action)
def test_what_is_not_recorded_has_not_happened(case: Case, cast: Cast, settings: Any, blobs: Any) -> None:
    call = case.prepare(cast)
    before = rows()
    settings.ACTIVITY_RECORDER = failing_recorder.PATH
    with pytest.raises(failing_recorder.RecordingFailed):
        call()

    after = rows()
    assert [table for table, found in after.items() if found != before[table]] == []


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.action)
def test_what_records_nothing_changes_nothing(case: Case, cast: Cast, blobs: Any) -> None:
    """A second call finds everything as it should be, or is refused."""
    call = case.prepare(cast)
    call()
    before = rows()
    with suppress(Refusal, Stale, ValueError, IntegrityError, ObjectDoesNotExist):
        call()

    after = rows()
    is_recorded = after["portal_activity"] != before["portal_activity"]
    assert not is_recorded or case.action in REPEATABLE
    assert is_recorded or [table for table, found in after.items() if found != before[table]] == []


def test_what_is_excepted_exists() -> None:
    assert {*REPEATABLE, *CONTINUED} <= set(actions())
