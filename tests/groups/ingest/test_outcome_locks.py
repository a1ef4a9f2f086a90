"""Which rows the end of a pull locks, and in which order. Another order could deadlock with what members do."""

from __future__ import annotations

import pytest

from groups.ingest import outcome
from groups.ingest.claim import Claim
from groups.models import ContainerGroup
from portal.models import Project
from registries.failures import AccessDenied
from tests.groups.ingest.conftest import HOST
from tests.support.pulls import make_group
from tests.support.row_locks import RowLock, row_lock_queries


@pytest.mark.parametrize("succeeds", [True, False])
def test_the_image_is_locked_then_its_groups_then_its_credential(held: Claim, project: Project, succeeds: bool) -> None:
    updating = make_group(project, f"{HOST}/team/app:0.9", name="updating")
    ContainerGroup.objects.filter(pk=updating.pk).update(status="stopped", next_image=held.image)
    waiting = ContainerGroup.objects.get(image=held.image)

    with row_lock_queries() as locks:
        if succeeds:
            outcome.finish(held)
        else:
            outcome.fail(held, AccessDenied(host=HOST, repository="team/app"), step="connect")

    groups = [waiting, updating] if succeeds else [waiting]
    assert [lock for lock in locks if lock.keys and lock.table != "portal_activityhead"] == [
        RowLock("groups_image", frozenset({held.image.pk}), is_weak=False),
        *[RowLock("groups_containergroup", frozenset({group.pk}), is_weak=False, order=("pk",)) for group in groups],
        RowLock("registries_credential", frozenset({held.image.credential_id}), is_weak=True),
    ]
    assert locks[-1].table == "portal_activityhead"
