"""Where somebody stands in an organization: their role, and which rows an address below `/o/` means.

Every page and every poll of a page that is watched asks this, so it is asked with statements, and the rows themselves
are read only where something is shown of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from groups.statements import Statement
from portal.models import Membership, Project, Role


@dataclass(frozen=True)
class Standing:
    """`project_id` is None where the address names no project."""

    role: Role
    organization_id: int
    project_id: int | None = None


def standing(user_id: int, organization: str, project: str | None = None) -> Standing | None:
    """Return how this person stands in the organization of that address; None for a stranger, and where organization
    or project don't exist."""
    found = _membership.first(user=user_id, organization=organization)
    if found is None:
        return None
    role, organization_id = found
    if project is None:
        return Standing(Role(role), organization_id)
    row = _project.first(organization=organization_id, project=project)
    return Standing(Role(role), organization_id, row[0]) if row else None


@Statement
def _membership(user: int, organization: str) -> QuerySet[Any]:
    return Membership.objects.filter(user=user, organization__slug=organization).values_list("role", "organization_id")


@Statement
def _project(organization: int, project: str) -> QuerySet[Any]:
    return Project.objects.filter(organization=organization, slug=project).order_by().values_list("pk")
