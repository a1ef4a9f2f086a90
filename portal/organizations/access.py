"""Which role a person has in an organization, and which rows an address below `/o/` means.

Every page and every poll of an open page asks this. So the queries are compiled once, and the rows of the organization
and the project are read only where something of them is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now

from portal.models import Membership, Project, Role
from registries.foundation.compiled_query import CompiledQuery
from registries.foundation.ids import OrganizationId, ProjectId, UserId

_NEEDS_SSO = ExpressionWrapper(
    Q(organization__requires_sso=True) | Q(organization__sso_provider__requires_sso=True),
    output_field=BooleanField(null=True),
)
_IS_REQUIRED = ExpressionWrapper(
    Q(organization__second_factor_required_from__lte=Now()), output_field=BooleanField(null=True)
)


@dataclass(frozen=True)
class Access:
    """A member's access to an organization. `project_id` is None where the address names no project. `requires_sso`:
    only sessions of the organization's identity provider open it, whether or not there is one now.
    `requires_factor`: only people with a second factor do."""

    role: Role
    organization_id: OrganizationId
    project_id: ProjectId | None = None
    requires_sso: bool = False
    requires_factor: bool = False


def resolve_access(user_id: UserId, organization: str, project: str | None = None) -> Access | None:
    """Return the access of a person to the organization and project of these addresses (slugs). None for a stranger,
    and where the organization or the project doesn't exist."""
    if project is None:
        row = _in_organization.first(user=user_id, organization=organization)
    else:
        row = _in_project.first(user=user_id, organization=organization, project=project)
    if row is None:
        return None
    role, organization_id, requires_sso, requires_factor, *project_id = row
    return Access(
        Role(role),
        OrganizationId(organization_id),
        ProjectId(project_id[0]) if project_id else None,
        requires_sso=bool(requires_sso),
        requires_factor=bool(requires_factor),
    )


@CompiledQuery
def _in_organization(
    user: UserId, organization: str
) -> QuerySet[Membership, tuple[str, OrganizationId, bool | None, bool | None]]:
    rows = Membership.objects.filter(user=user, organization__slug=organization).annotate(
        requires_factor=_IS_REQUIRED, requires_sso=_NEEDS_SSO
    )
    return rows.values_list("role", "organization_id", "requires_sso", "requires_factor")


@CompiledQuery
def _in_project(
    user: UserId, organization: str, project: str
) -> QuerySet[Project, tuple[str, OrganizationId, bool | None, bool | None, ProjectId]]:
    rows = Project.objects.filter(
        slug=project, organization__slug=organization, organization__memberships__user=user
    )  # fmt: skip
    return (
        rows.order_by()
        .annotate(requires_factor=_IS_REQUIRED, requires_sso=_NEEDS_SSO)
        .values_list(
            "organization__memberships__role",
            "organization_id",
            "requires_sso",
            "requires_factor",
            "pk",
        )
    )
