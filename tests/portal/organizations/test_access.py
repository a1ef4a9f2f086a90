"""Access: the role and the rows of an address, and nothing for strangers."""

from __future__ import annotations

from typing import Any

import pytest

from portal.models import Project, Role
from portal.organizations.access import Access, resolve_access

pytestmark = pytest.mark.django_db


def test_each_member_has_their_role(acme: Any, project: Any, alice: Any, bob: Any, carol: Any) -> None:
    assert resolve_access(alice.pk, "acme") == Access(Role.OWNER, acme.pk)
    assert resolve_access(bob.pk, "acme") == Access(Role.MEMBER, acme.pk)
    assert resolve_access(carol.pk, "acme") == Access(Role.VIEWER, acme.pk)
    assert {resolve_access(bob.pk, "acme")} == {Access(Role.MEMBER, acme.pk)}, "nobody changes it"
    for person, role in ((alice, Role.OWNER), (bob, Role.MEMBER), (carol, Role.VIEWER)):
        assert resolve_access(person.pk, "acme", "default") == Access(role, acme.pk, project.pk)


def test_a_project_is_found_in_its_own_organization(acme: Any, project: Any, bob: Any, mallory: Any) -> None:
    Project.objects.create(organization=acme, slug="batch", name="Batch")

    assert resolve_access(bob.pk, "acme", "default") == Access(Role.MEMBER, acme.pk, project.pk)
    assert resolve_access(bob.pk, "acme", "batch") != resolve_access(bob.pk, "acme", "default")
    assert resolve_access(bob.pk, "acme", "elsewhere") is None


def test_a_stranger_has_no_access(acme: Any, project: Any, mallory: Any) -> None:
    assert resolve_access(mallory.pk, "acme") is None
    assert resolve_access(mallory.pk, "acme", "default") is None
    assert resolve_access(mallory.pk, "nobody's") is None


def test_a_role_counts_in_its_own_organization_only(acme: Any, project: Any, alice: Any, mallory: Any) -> None:
    umbrella = mallory.organizations.get()
    umbrella.memberships.create(user=alice, role="viewer")
    elsewhere = umbrella.projects.get()
    Project.objects.create(organization=umbrella, slug="batch", name="Batch")

    assert resolve_access(alice.pk, "acme", "default") == Access(Role.OWNER, acme.pk, project.pk)
    assert resolve_access(alice.pk, "umbrella") == Access(Role.VIEWER, umbrella.pk)
    assert resolve_access(alice.pk, "umbrella", "default") == Access(Role.VIEWER, umbrella.pk, elsewhere.pk)
    assert resolve_access(alice.pk, "acme", "batch") is None
    umbrella.memberships.filter(user=alice).delete()
    assert resolve_access(alice.pk, "umbrella") is None
