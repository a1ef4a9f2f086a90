"""When a pull's end destroys its credential, and when it must not."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from groups.ingest import credential_hold
from groups.ingest.credential_hold import (
    CredentialElsewhere,
    destroy_checked,
    destroy_settled,
    lock_credentials,
    settle_credential,
    stored_credential,
)
from groups.models import ContainerGroup, Image
from portal.models import ActivityText, Organization, Project
from registries.credential_rows import NewCredential, empty_credential
from registries.models import Credential
from registries.oci.reference import parse
from tests.groups.ingest.conftest import HOST
from tests.support.actors import acting
from tests.support.pulls import make_credential, make_group
from tests.support.row_locks import RowLock, row_lock_queries

IMAGE = parse(f"{HOST}/team/app:1.0")


@pytest.fixture
def group(project: Project, woken: object) -> ContainerGroup:
    """A group whose pull has settled, and whose credential nobody has destroyed yet."""
    made = make_group(project, f"{HOST}/team/app:1.0", credential=make_credential(project.organization, HOST))
    Image.objects.filter(pk=made.image_id).update(status="ready")
    return made


def credential_of(group: ContainerGroup) -> Credential:
    return Credential.objects.get(images=group.image_id)


@pytest.mark.parametrize("status", ["queued", "pulling", "ready", "failed"])
def test_it_is_destroyed_once_all_its_pulls_have_settled(group: ContainerGroup, project: Project, status: str) -> None:
    other = make_group(project, f"{HOST}/team/b:1", credential=credential_of(group), name="other")
    make_group(project, f"{HOST}/team/c:1", credential=make_credential(project.organization, HOST), name="third")
    Image.objects.filter(pk=other.image_id).update(status=status)
    settled = status in ("ready", "failed")

    assert destroy_settled() == settled

    assert credential_of(group).is_live == (not settled)
    assert Credential.objects.held().count() == (1 if settled else 2)
    settle = settle_credential(credential_of(group).pk)
    assert settle is None, "destroyed already, or in use"


def test_it_returns_what_it_destroyed_now(group: ContainerGroup) -> None:
    credential = credential_of(group)
    assert settle_credential(credential.pk) == credential
    assert credential_of(group).destroyed_because == "settled"
    assert settle_credential(credential.pk) is None
    credential.delete()
    assert settle_credential(make_credential(group.organization, HOST).pk) is not None


def test_one_for_an_hour_outlives_its_pull(group: ContainerGroup) -> None:
    Credential.objects.update(hold="hour")
    assert destroy_settled() == 0
    assert settle_credential(credential_of(group).pk) is None
    assert credential_of(group).is_live


def test_one_that_waits_for_its_first_pull_is_kept(project: Project) -> None:
    make_credential(project.organization, HOST)
    assert destroy_settled() == 0
    assert Credential.objects.get().is_live


def test_each_destruction_is_recorded_once_where_it_belongs(group: ContainerGroup, mallory: Any) -> None:
    umbrella = Organization.objects.get(slug="umbrella")
    theirs = make_group(
        umbrella.projects.get(), f"{HOST}/team/app:1.0", credential=make_credential(umbrella, HOST, password="other")
    )
    Image.objects.filter(pk=theirs.image_id).update(status="failed")

    assert destroy_settled() == 2
    assert destroy_settled() == 0

    rows = ActivityText.objects.filter(activity__action="credential.destroyed")
    recorded = {(row.activity.organization_id, row.activity.target_key, row.detail) for row in rows}
    assert len(rows) == 2
    assert recorded == {
        (one.organization_id, str(credential_of(one).pk), f"{HOST}, the pull ended") for one in (group, theirs)
    }


def test_one_that_was_sent_for_a_check_is_destroyed_with_it(group: ContainerGroup) -> None:
    credential = make_credential(group.organization, HOST)

    assert destroy_checked(credential.pk)
    assert not destroy_checked(credential.pk)

    credential.refresh_from_db()
    assert (credential.sealed, credential.destroyed_because) == (None, "settled")
    assert credential_of(group).is_live
    row = ActivityText.objects.get(activity__action="credential.destroyed")
    assert (row.activity.target_key, row.detail) == (str(credential.pk), f"{HOST}, the check ended")


def test_one_that_a_member_removed_is_not_recorded_again(group: ContainerGroup) -> None:
    credential = credential_of(group)
    empty_credential(credential.pk, reason="removed")
    assert not destroy_checked(credential.pk)
    assert destroy_settled() == 0
    assert credential_of(group).destroyed_because == "removed"
    assert not ActivityText.objects.filter(activity__action="credential.destroyed").exists()


def test_a_typed_credential_is_stored_for_its_organization_and_person(acme: Organization, alice: Any) -> None:
    typed = NewCredential(
        provider="self_hosted", name="typed", host=HOST, values={"username": "u", "password": "p"}, hold="hour"
    )
    stored = stored_credential(typed, IMAGE, organization_id=acme.pk, created_by_id=alice.pk)
    assert isinstance(stored, Credential)
    assert (stored.organization, stored.created_by, stored.hold) == (acme, alice, "hour")

    for given in (stored, None):
        assert stored_credential(given, IMAGE, organization_id=acme.pk, created_by_id=alice.pk) is given
    assert Credential.objects.count() == 1


@pytest.mark.parametrize(("hold", "repository"), [("pull", "team/app"), ("hour", "")])
def test_what_is_typed_for_one_pull_is_for_that_repository(acme: Organization, hold: str, repository: str) -> None:
    typed = NewCredential(
        provider="self_hosted", name="typed", host=HOST, values={"username": "u", "password": "p"}, hold=hold
    )
    stored = stored_credential(typed, IMAGE, organization_id=acme.pk, created_by_id=None)
    assert isinstance(stored, Credential)
    assert stored.repository == repository
    assert stored_credential(stored, parse(f"{HOST}/team/app:2"), organization_id=acme.pk, created_by_id=None)

    other = parse(f"{HOST}/team/other:1")
    if not repository:
        assert stored_credential(stored, other, organization_id=acme.pk, created_by_id=None) == stored
        return
    with pytest.raises(CredentialElsewhere, match="team/app"):
        stored_credential(stored, other, organization_id=acme.pk, created_by_id=None)


def test_only_what_was_typed_is_recorded_as_added(acme: Organization, alice: Any) -> None:
    typed = NewCredential(provider="self_hosted", name="typed", host=HOST, values={"username": "u", "password": "p"})
    stored = make_credential(acme, HOST)
    for given, kept in ((stored, stored), (None, None), (typed, stored)):
        credential_hold.record_typed(given, kept, by=acting(alice))
    row = ActivityText.objects.get(activity__action="credential.added")
    assert row.activity.target_key == str(stored.pk)


def test_several_are_locked_in_one_statement_and_a_single_one_by_who_writes_it(
    acme: Organization, django_assert_num_queries: Any
) -> None:
    one, two = (make_credential(acme, HOST) for _ in range(2))
    for ids, queries in (([], 0), ([None], 0), ([one.pk, None], 0), ([two.pk, one.pk], 1)):
        with django_assert_num_queries(queries):
            credential_hold.lock_credentials(ids)


def test_its_own_row_is_locked_and_pulls_may_refer_to_it_in_the_meantime(group: ContainerGroup) -> None:
    first, second = credential_of(group), make_credential(group.organization, HOST)
    for work in (settle_credential, destroy_checked):
        with row_lock_queries() as locks:
            work(first.pk)
        assert locks[0] == RowLock("registries_credential", frozenset({first.pk}), is_weak=True)
    with row_lock_queries() as locks:
        lock_credentials([second.pk, None, first.pk])
    keys = frozenset({first.pk, second.pk})
    assert locks == [RowLock("registries_credential", keys, is_weak=True, order=("pk",))]
    with row_lock_queries() as locks:
        lock_credentials([first.pk, None])
    assert locks == []


def test_other_pulls_are_looked_for_once_it_is_locked(group: ContainerGroup) -> None:
    """Of two pulls that end at the same time, the second sees that the first has ended."""
    credential = credential_of(group)
    with CaptureQueriesContext(connection) as queries:
        settle_credential(credential.pk)
    read = [query["sql"].partition(" FROM ")[2].partition(" ")[0].strip('"') for query in queries]
    assert [table for table in read if table][:2] == ["registries_credential", "groups_image"]
