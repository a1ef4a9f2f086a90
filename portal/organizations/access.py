"""Where somebody stands in an organization: their role, and which rows an address below `/o/` means.

Every page and every poll of a page that is watched asks this, so it is asked with statements, and the rows themselves
are read only where something is shown of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from portal.models import Membership, Project, Role
from registries.foundation.compiled_query import CompiledQuery


@dataclass(frozen=True)
class Access:
    """`project_id` is None where the address names no project."""

    role: Role
    organization_id: int
    project_id: int | None = None


def resolve_access(user_id: int, organization: str, project: str | None = None) -> Access | None:
    """Return how this person stands in the organization of that address; None for a stranger, and where organization
    or project don't exist."""
    if project is None:
        found = _in_organization.first(user=user_id, organization=organization)
    else:
        found = _in_project.first(user=user_id, organization=organization, project=project)
    if found is None:
        return None
    role, *ids = found
    return Access(Role(role), *ids)


@CompiledQuery
def _in_organization(user: int, organization: str) -> QuerySet[Any]:
    return Membership.objects.filter(user=user, organization__slug=organization).values_list("role", "organization_id")


@CompiledQuery
def _in_project(user: int, organization: str, project: str) -> QuerySet[Any]:
    theirs = Project.objects.filter(
        slug=project, organization__slug=organization, organization__memberships__user=user
    )  # fmt: skip
    return theirs.order_by().values_list("organization__memberships__role", "organization_id", "pk")
