"""Two actions at once wait for each other, but never in a circle: the activity is what an action locks last.

On SQLite, which has one writer at a time, the second simply comes later. On PostgreSQL foreign keys would be locked at
the end of the transaction.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, connections, transaction

from groups.actions import lifecycle
from groups.actions.checks import start_check
from groups.models import Occurrence
from portal.accounts.actions import change_person
from portal.audit.verification import snapshot, verify
from portal.models import Notice, Organization, Project, User
from portal.notifications import webhooks
from portal.notifications.sending import fan_out
from registries.actions import destroy, rename
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from registries.oci.reference import parse
from tests.support.actors import acting
from tests.support.pulls import make_credential, make_group

pytestmark = pytest.mark.django_db(transaction=True)
IMAGE = "registry.example.com/team/app:1.0"
Work = Callable[[], object]
PATIENCE_SECONDS = 10


def at_once(first: Work, second: Work) -> list[Exception]:
    """Run `first` up to its commit, then `second` until it waits for a lock or is done; return what either raised."""
    errors: list[Exception] = []
    has_acted, is_done = threading.Event(), threading.Event()

    def run_first() -> None:
        with transaction.atomic():
            first()
            has_acted.set()
            _wait_until(lambda: is_done.is_set() or _somebody_waits())

    def run_second() -> None:
        has_acted.wait(PATIENCE_SECONDS)
        second()

    def run(work: Work, finished: threading.Event) -> None:
        try:
            work()
        except Exception as error:
            errors.append(error)
        finally:
            finished.set()
            connections.close_all()

    threads = [
        threading.Thread(target=run, args=(run_first, has_acted)),
        threading.Thread(target=run, args=(run_second, is_done)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def _wait_until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < ends:
        time.sleep(0.01)


def _somebody_waits() -> bool:
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def _create_group_while_its_member_is_changed(project: Project, bob: User) -> tuple[Work, Work]:
    return (
        lambda: make_group(project, IMAGE, by=acting(bob)),
        lambda: change_person(bob, {"email": "robert@acme.example"}, by=CONSOLE),
    )


def _create_group_while_its_credential_is_renamed(project: Project, bob: User) -> tuple[Work, Work]:
    kept = make_credential(project.organization, "registry.example.com", hold="hour")
    return (
        lambda: make_group(project, IMAGE, credential=kept, by=acting(bob)),
        lambda: rename(kept, name="other", by=acting(bob)),
    )


def _check_while_its_credential_is_renamed(project: Project, bob: User) -> tuple[Work, Work]:
    kept = make_credential(project.organization, "registry.example.com", hold="hour")
    return lambda: _check(project, kept, bob), lambda: rename(kept, name="other", by=acting(bob))


def _check_while_its_credential_is_destroyed(project: Project, bob: User) -> tuple[Work, Work]:
    kept = make_credential(project.organization, "registry.example.com", hold="hour")
    reason = Credential.DestructionReason.REMOVED
    return lambda: _check(project, kept, bob), lambda: destroy(kept, reason=reason, by=acting(bob))


def _check_while_the_group_is_deleted(project: Project, bob: User) -> tuple[Work, Work]:
    kept = make_credential(project.organization, "registry.example.com", hold="hour")
    group = make_group(project, IMAGE)
    return (
        lambda: start_check(
            organization_id=project.organization_id,
            reference=parse(IMAGE),
            credential=kept,
            against=group,
            by=acting(bob),
        ),
        lambda: lifecycle.delete(group, by=acting(bob)),
    )


def _two_groups_of_one_organization(project: Project, bob: User) -> tuple[Work, Work]:
    return (
        lambda: make_group(project, IMAGE, by=acting(bob)),
        lambda: make_group(project, IMAGE, name="other", by=acting(bob)),
    )


def _create_group_while_a_webhook_is_added(project: Project, bob: User) -> tuple[Work, Work]:
    return (
        lambda: make_group(project, IMAGE, by=acting(bob)),
        lambda: webhooks.add(
            project.organization, address="https://hooks.example.com/", kinds=["group.failed"], by=acting(bob)
        ),
    )


def _check(project: Project, credential: Credential, by: User) -> None:
    start_check(organization_id=project.organization_id, reference=parse(IMAGE), credential=credential, by=acting(by))


@pytest.mark.parametrize(
    "prepare",
    [
        _create_group_while_its_member_is_changed,
        _create_group_while_its_credential_is_renamed,
        _check_while_its_credential_is_renamed,
        _check_while_its_credential_is_destroyed,
        _check_while_the_group_is_deleted,
        _two_groups_of_one_organization,
        _create_group_while_a_webhook_is_added,
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_two_actions_at_once(
    prepare: Callable[[Project, User], tuple[Work, Work]],
    swapped: bool,
    acme: Organization,
    project: Project,
    bob: User,
) -> None:
    first, second = prepare(project, bob)
    errors = at_once(second, first) if swapped else at_once(first, second)

    assert errors == []
    with snapshot():
        assert list(verify()) == []


@pytest.mark.parametrize("swapped", [False, True])
def test_a_webhook_that_is_deleted_gets_no_more_notices(swapped: bool, acme: Organization, bob: User) -> None:
    webhook, _ = webhooks.add(acme, address="https://hooks.example.com/", kinds=["group.failed"], by=acting(bob))
    event = Occurrence.objects.create(organization=acme, kind=Occurrence.Kind.FAILED)
    works: list[Work] = [lambda: fan_out(event.pk), lambda: webhooks.delete(webhook, by=acting(bob))]

    assert at_once(*reversed(works) if swapped else works) == []
    assert not Notice.objects.exists()
