"""Where somebody stands: their role and the rows of an address, and nothing for strangers."""

from __future__ import annotations

from typing import Any

import pytest

from portal.models import Project, Role
from portal.organizations.access import Standing, standing

pytestmark = pytest.mark.django_db


def test_each_member_has_their_role(acme: Any, project: Any, alice: Any, bob: Any, carol: Any) -> None:
    assert standing(alice.pk, "acme") == Standing(Role.OWNER, acme.pk)
    assert standing(bob.pk, "acme") == Standing(Role.MEMBER, acme.pk)
    assert standing(carol.pk, "acme") == Standing(Role.VIEWER, acme.pk)
    for person, role in ((alice, Role.OWNER), (bob, Role.MEMBER), (carol, Role.VIEWER)):
        assert standing(person.pk, "acme", "default") == Standing(role, acme.pk, project.pk)


def test_a_project_is_found_in_its_own_organization(acme: Any, project: Any, bob: Any, mallory: Any) -> None:
    Project.objects.create(organization=acme, slug="batch", name="Batch")

    assert standing(bob.pk, "acme", "default") == Standing(Role.MEMBER, acme.pk, project.pk)
    assert standing(bob.pk, "acme", "batch") != standing(bob.pk, "acme", "default")
    assert standing(bob.pk, "acme", "elsewhere") is None


def test_a_stranger_stands_nowhere(acme: Any, project: Any, mallory: Any) -> None:
    assert standing(mallory.pk, "acme") is None
    assert standing(mallory.pk, "acme", "default") is None
    assert standing(mallory.pk, "nobody's") is None
