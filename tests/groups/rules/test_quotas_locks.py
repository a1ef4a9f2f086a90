"""What each action locks, in which order: the organization's quota before anything is counted and added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from groups.actions import lifecycle, suspension
from groups.actions.checks import start_check
from groups.actions.update import GroupChanges, update
from groups.ingest import outcome
from groups.ingest.claim import claim
from groups.models import ContainerGroup, Image
from groups.rules.quotas import RefusedWhileSuspended
from registries.failures import AccessDenied
from registries.foundation.actor import CONSOLE
from registries.oci.reference import parse
from tests.support.pulls import make_credential, make_group
from tests.support.quotas import set_quota
from tests.support.row_locks import row_lock_queries, row_locks

HOST = "registry.example.com"
REFERENCE = parse(f"{HOST}/team/app:1")
OTHER = parse(f"{HOST}/team/app:2")
QUOTA, IMAGE, GROUP = "groups_quota", "groups_image", "groups_containergroup"
CREDENTIAL, BLOB, ACTIVITY = "registries_credential", "groups_blob", "portal_activityhead"


def _create(group: ContainerGroup) -> object:
    return make_group(group.project, str(REFERENCE), name="another")


def _claim(group: ContainerGroup) -> object:
    return claim(group.image_id)


def _start(group: ContainerGroup) -> object:
    return lifecycle.start(group, by=CONSOLE)


def _stop(group: ContainerGroup) -> object:
    return lifecycle.stop(group, by=CONSOLE)


def _scale(group: ContainerGroup) -> object:
    return lifecycle.scale(group, 3, by=CONSOLE)


def _retry(group: ContainerGroup) -> object:
    return lifecycle.retry(group, credential=None, by=CONSOLE)


def _requeue(group: ContainerGroup) -> object:
    assert lifecycle.requeue(group.image, by=CONSOLE)
    return None


def _delete(group: ContainerGroup) -> object:
    lifecycle.delete(group, by=CONSOLE)
    return None


def _change(group: ContainerGroup) -> object:
    return update(group, GroupChanges(cpu=2), by=CONSOLE)


def _replace(group: ContainerGroup) -> object:
    return update(
        group, GroupChanges(reference=OTHER, credential=make_credential(group.organization, HOST)), by=CONSOLE
    )


def _check(group: ContainerGroup) -> object:
    return start_check(
        organization_id=group.organization_id, reference=REFERENCE, credential=None, against=group, by=CONSOLE
    )


def _fail(group: ContainerGroup) -> object:
    return outcome.fail_unsettled(group.image_id, AccessDenied(host=HOST))


def _limit(group: ContainerGroup) -> object:
    return suspension.change_limits(group.organization_id, {"max_groups": 3}, by=CONSOLE)


def _suspend(group: ContainerGroup) -> object:
    return suspension.suspend(group.organization_id, reason="Unpaid.", by=CONSOLE)


def _resume(group: ContainerGroup) -> object:
    return suspension.resume(group.organization_id, by=CONSOLE)


@pytest.fixture
def group(acme: Any, project: Any, no_redis: None) -> ContainerGroup:
    """A group with an image and a credential, in an organization with every limit."""
    set_quota(acme, max_groups=5, max_replicas=50, max_stored_bytes=10**9, max_pulls=2)
    return make_group(project, str(REFERENCE), credential=make_credential(acme, HOST, hold="hour"))


def _put(group: ContainerGroup, status: str) -> None:
    """Put the group and its image into a state that they could be in."""
    images = {"pending": "queued", "failed": "failed"}
    ContainerGroup.objects.filter(pk=group.pk).update(status=status)
    Image.objects.filter(pk=group.image_id).update(status=images.get(status, "ready"))
    group.refresh_from_db()


@pytest.mark.parametrize(("status", "act", "locked"), [
    ("stopped", _create, [QUOTA, ACTIVITY]),
    ("pending", _claim, [QUOTA]),
    ("stopped", _start, [QUOTA, ACTIVITY]),
    ("running", _stop, [ACTIVITY]),
    ("running", _scale, [QUOTA, GROUP, ACTIVITY]),
    ("failed", _retry, [QUOTA, IMAGE, GROUP, CREDENTIAL, BLOB, ACTIVITY]),
    ("failed", _requeue, [QUOTA, IMAGE, GROUP, CREDENTIAL, BLOB, ACTIVITY]),
    ("pending", _delete, [IMAGE, GROUP, CREDENTIAL, BLOB, ACTIVITY]),
    ("running", _change, [QUOTA, IMAGE, GROUP, ACTIVITY]),
    ("pending", _replace, [QUOTA, IMAGE, GROUP, CREDENTIAL, BLOB, ACTIVITY]),
    ("stopped", _check, [QUOTA, GROUP]),
    ("pending", _fail, [IMAGE, GROUP, CREDENTIAL, BLOB]),
    ("stopped", _limit, [QUOTA, ACTIVITY]),
    ("stopped", _suspend, [QUOTA, ACTIVITY]),
    ("stopped", _resume, [QUOTA]),
])  # fmt: skip
def test_what_is_locked(
    group: ContainerGroup, status: str, act: Callable[[ContainerGroup], object], locked: list[str]
) -> None:
    _put(group, status)

    with row_locks() as tables, row_lock_queries() as queries:
        act(group)

    assert tables == locked
    # To what is locked weakly, new rows may refer in the meantime.
    weak = {lock.table for lock in queries if lock.is_weak}
    assert weak <= {QUOTA, CREDENTIAL, GROUP}
    assert {QUOTA, CREDENTIAL} & set(tables) <= weak
    assert {lock.table for lock in queries if not lock.is_weak} <= {IMAGE, BLOB, GROUP, ACTIVITY}


@pytest.mark.parametrize(("status", "act"), [
    ("stopped", _create),
    ("stopped", _start),
    ("failed", _retry),
    ("failed", _requeue),
    ("pending", _replace),
    ("running", _replace),
    ("stopped", _check),
])  # fmt: skip
def test_each_door_is_shut_while_suspended(
    group: ContainerGroup, acme: Any, mallory: Any, status: str, act: Callable[[ContainerGroup], object]
) -> None:
    """To the suspended organization only, and nothing has changed after the refusal."""
    _put(group, status)
    set_quota(acme, suspended_at="2026-01-01T00:00:00Z")
    before = [list(model.objects.values()) for model in (ContainerGroup, Image)]

    with pytest.raises(RefusedWhileSuspended):
        act(group)

    assert [list(model.objects.values()) for model in (ContainerGroup, Image)] == before
    set_quota(acme, suspended_at=None)
    set_quota(mallory.organizations.get(), suspended_at="2026-01-01T00:00:00Z")
    act(group)


@pytest.mark.parametrize(("status", "act"), [
    ("running", _stop),
    ("running", _scale),
    ("running", _change),
    ("stopped", _delete),
])  # fmt: skip
def test_the_other_doors_stay_open_while_suspended(
    group: ContainerGroup, acme: Any, status: str, act: Callable[[ContainerGroup], object]
) -> None:
    _put(group, status)
    set_quota(acme, suspended_at="2026-01-01T00:00:00Z")

    act(group)
