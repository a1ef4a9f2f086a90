"""For whom an image is pulled: the organization and project of a group, as tokens name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from registries.foundation.ids import OrganizationId, ProjectId
from registries.secrets.identity_marks import Kind, is_marked


class IdentityAltered(Exception):
    """The database gives the organization or the project another uuid than the portal did. The message says which."""


class OrganizationRow(Protocol):
    """What is read of an organization. The portal's model has it."""

    pk: OrganizationId
    slug: str
    uuid: UUID
    identity_mark: str


class ProjectRow(Protocol):
    """What is read of a project. The portal's model has it."""

    pk: ProjectId
    slug: str
    uuid: UUID
    identity_mark: str

    @property
    def organization_id(self) -> OrganizationId: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Uuids, which never change, and today's slugs."""

    organization_uuid: UUID
    organization: str
    project_uuid: UUID
    project: str


def identity_of(organization: OrganizationRow, project: ProjectRow) -> Identity:
    """Return the identity of the groups of a project. Raises IdentityAltered, and `keyring.KeyUnavailable`."""
    if not is_marked(organization.identity_mark, Kind.ORGANIZATION, organization.uuid, organization.pk):
        raise IdentityAltered("organization")
    keys = (project.pk, project.organization_id)
    if project.organization_id != organization.pk or not is_marked(
        project.identity_mark, Kind.PROJECT, project.uuid, *keys
    ):
        raise IdentityAltered("project")
    return Identity(organization.uuid, organization.slug, project.uuid, project.slug)
