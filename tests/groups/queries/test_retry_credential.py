"""Which credential a failed pull is tried again with, unless its member chooses another."""

from __future__ import annotations

from typing import Any

import pytest

from groups.models import ContainerGroup, Failure
from groups.queries.retry_credential import Suggestion, suggest_credential
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
    fail(group, "access_denied")
    assert suggested(group) == Suggestion(needs_new=True)
    other = make_credential(acme, HOST, hold="hour")
    make_credential(acme, "elsewhere.example.com", hold="hour")
    assert suggested(group) == Suggestion(other.pk)


def test_one_that_was_typed_for_another_image_is_not_suggested(group: ContainerGroup, acme: Any) -> None:
    fail(group, "access_denied")
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
    fail(group, "authentication_failed")
    assert suggested(group) == Suggestion(needs_new=True)
