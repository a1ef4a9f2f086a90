"""Which credential a failed pull is tried again with, unless its member chooses another."""

from __future__ import annotations

from typing import Any

import pytest

from groups.models import ContainerGroup, Failure
from groups.queries.retry_credential import Suggestion, kept_credential, suggest_credential
from registries.models import Credential
from tests.support.pulls import make_credential, make_group

HOST = "registry.example.com"


@pytest.fixture
def used(acme: Any) -> Credential:
    return make_credential(acme, HOST, hold="hour")


@pytest.fixture
def group(project: Any, used: Credential) -> ContainerGroup:
    return make_group(project, f"{HOST}/team/app:1.0", credential=used)


def fail(group: ContainerGroup, code: str, **params: object) -> None:
    Failure.objects.create(
        organization_id=group.organization_id, group=group, group_name=group.name, step="manifest", code=code,
        params=params,
    )  # fmt: skip


def suggested(group: ContainerGroup) -> Suggestion:
    return suggest_credential(group, Credential.objects.live().filter(organization=group.organization_id))


def test_the_one_of_the_pull_comes_before_a_newer_one(group: ContainerGroup, used: Credential, acme: Any) -> None:
    make_credential(acme, HOST, hold="hour")
    fail(group, "registry_unreachable")
    assert suggested(group) == Suggestion(used.pk)


def test_a_refused_one_is_not_suggested(group: ContainerGroup, acme: Any) -> None:
    fail(group, "authentication_failed")
    assert suggested(group) == Suggestion(needs_new=True)
    other = make_credential(acme, HOST, hold="hour")
    make_credential(acme, "elsewhere.example.com", hold="hour")
    assert suggested(group) == Suggestion(other.pk)


def test_one_that_may_not_read_the_repository_yet_is_suggested(group: ContainerGroup, used: Credential) -> None:
    """Once its account has the permission, nothing has to be entered again."""
    fail(group, "access_denied")
    assert suggested(group) == Suggestion(used.pk)


@pytest.mark.parametrize(("case", "needs"), [("unknown_authority", True), ("expired", False), ("other_name", False)])
def test_an_unknown_authority_is_entered_with_the_credential(
    group: ContainerGroup, used: Credential, case: str, needs: bool
) -> None:
    """Or the registry gets another certificate, and the credential helps as it is."""
    fail(group, "tls_invalid", case=case)
    assert suggested(group) == Suggestion(used.pk, needs_authority=needs)


def test_only_a_live_credential_of_a_failed_pull_is_kept(group: ContainerGroup, used: Credential) -> None:
    assert kept_credential(group) is None, "its pull has not failed"
    ContainerGroup.objects.update(status="failed")
    group.refresh_from_db()
    assert kept_credential(group) == used
    Credential.objects.update(deadline="2020-01-01T00:00:00Z")
    assert kept_credential(group) is None


def test_one_that_was_typed_for_another_image_is_not_suggested(group: ContainerGroup, acme: Any) -> None:
    fail(group, "authentication_failed")
    make_credential(acme, HOST, repository="team/other")
    assert suggested(group) == Suggestion(needs_new=True)
    other = make_credential(acme, HOST, repository="team/app")
    assert suggested(group) == Suggestion(other.pk)


def test_an_image_that_is_public_needs_none(group: ContainerGroup) -> None:
    fail(group, "access_denied", public=True)
    assert suggested(group) == Suggestion()


def test_an_image_that_was_pulled_without_needs_none_until_it_is_refused(project: Any) -> None:
    group = make_group(project, f"{HOST}/team/app:1.0")
    assert suggested(group) == Suggestion()
    for code in ("authentication_failed", "access_denied"):
        fail(group, code)
        assert suggested(group) == Suggestion(needs_new=True)
