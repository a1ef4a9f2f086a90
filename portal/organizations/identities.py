"""The marks of organizations' and projects' uuids: given when a row is made, and once to those of earlier releases."""

from __future__ import annotations

from django.db import transaction

from portal.models import Organization, Project
from registries.secrets import keyring
from registries.secrets.identity_marks import Kind, mark_of

STEP = "identities-marked"


def mark_organization(row: Organization) -> None:
    """Mark the uuid of an organization that was just made. Raises `keyring.KeyUnavailable`."""
    row.identity_mark = mark_of(Kind.ORGANIZATION, row.uuid, row.pk)
    Organization.objects.filter(pk=row.pk).update(identity_mark=row.identity_mark)


def mark_project(row: Project) -> None:
    """Mark the uuid of a project that was just made. Raises `keyring.KeyUnavailable`."""
    row.identity_mark = mark_of(Kind.PROJECT, row.uuid, row.pk, row.organization_id)
    Project.objects.filter(pk=row.pk).update(identity_mark=row.identity_mark)


def mark_existing() -> int:
    """Mark the uuids of all organizations and projects when this version is first run; return how many. Done once: a
    file in the worker zone's key folder says so. Raises `keyring.KeyUnavailable`."""
    if keyring.is_done(STEP):
        return 0
    with transaction.atomic():
        organizations, projects = list(Organization.objects.all()), list(Project.objects.all())
        for organization in organizations:
            mark_organization(organization)
        for project in projects:
            mark_project(project)
    keyring.mark_done(STEP)
    return len(organizations) + len(projects)
