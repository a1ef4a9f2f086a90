"""Compiled queries return the same rows as their queries, are compiled once, and are refused where a value would be
lost or fixed."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db.models import F, QuerySet
from django.utils import timezone

from groups.models import ContainerGroup
from portal.models import Organization, Project, User
from registries.foundation.compiled_query import CompiledQuery
from registries.foundation.ids import GroupId, OrganizationId
from tests.support.pulls import make_group

pytestmark = pytest.mark.django_db


def test_it_finds_what_its_query_finds_for_each_value(acme: Organization, mallory: User) -> None:
    @CompiledQuery
    def projects(organization: OrganizationId, slug: str) -> QuerySet[Project, tuple[int, str]]:
        return Project.objects.filter(organization=organization, slug=slug).values_list("pk", "slug")

    assert Organization.objects.count() == 2
    for organization in Organization.objects.all():
        found = organization.projects.get()
        assert projects.rows(organization=organization.pk, slug=found.slug) == [(found.pk, found.slug)]
        assert projects.first(organization=organization.pk, slug="another") is None


def test_it_is_compiled_once(acme: Organization) -> None:
    compiled = []

    @CompiledQuery
    def slugs(slug: str) -> QuerySet[Organization, tuple[str]]:
        compiled.append(slug)
        return Organization.objects.filter(slug=slug).values_list("slug")

    assert [slugs.first(slug=slug) for slug in ("acme", "%s", "' or 1=1 --", "acme")] == [
        ("acme",),
        None,
        None,
        ("acme",),
    ]
    assert len(compiled) == 2, "and once more, to check that it is the same"


def test_ids_are_values_too(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: None)
    groups = [make_group(project, "registry.example.com/team/app:1.0", name=name) for name in ("one", "two")]

    @CompiledQuery
    def names(group: GroupId) -> QuerySet[ContainerGroup, tuple[str]]:
        return ContainerGroup.objects.filter(pk=group).values_list("name")

    assert [names.first(group=group.pk) for group in groups] == [("one",), ("two",)]
    assert names.first(group=uuid4()) is None


def test_constants_of_the_query_stay(acme: Organization) -> None:
    @CompiledQuery
    def named(slug: str) -> QuerySet[Organization, tuple[str]]:
        return Organization.objects.filter(name="Acme", slug=slug).values_list("slug")

    assert named.first(slug="acme") == ("acme",)
    Organization.objects.update(name="Other")
    assert named.first(slug="acme") is None


def test_what_is_compared_with_nothing_is_a_mistake() -> None:
    @CompiledQuery
    def forgets(slug: str, name: str) -> QuerySet[Organization, tuple[str]]:
        return Organization.objects.filter(slug=slug).values_list("slug")

    with pytest.raises(TypeError, match="forgets compares nothing with name"):
        forgets.first(slug="acme", name="Acme")


def test_a_time_of_pythons_is_a_mistake() -> None:
    @CompiledQuery
    def since(slug: str) -> QuerySet[Organization, tuple[str]]:
        rows = Organization.objects.filter(slug=slug, created_at__lt=timezone.now())
        return rows.values_list(F("slug"))

    with pytest.raises(TypeError, match="since is another query each time"):
        since.first(slug="acme")


def test_other_kinds_of_values_are_a_mistake() -> None:
    @CompiledQuery
    def by_bytes(slug: bytes) -> QuerySet[Organization, tuple[str]]:
        return Organization.objects.filter(slug=slug).values_list("slug")

    with pytest.raises(TypeError, match="slug is neither int nor str nor UUID"):
        by_bytes.first(slug="acme")
