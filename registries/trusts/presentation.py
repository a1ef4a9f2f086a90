"""What a trust says to the other side: its issuer, subject and audience."""

from __future__ import annotations

from dataclasses import dataclass

from registries.federation.issuer import issuer_of
from registries.federation.subjects import subject_of
from registries.foundation.requests import Organization, Project, Projects
from registries.providers.trust_kinds import TrustKind
from registries.providers.trusts import Settings


@dataclass(frozen=True, slots=True)
class Presentation:
    """What tokens of a trust say, and so what the other side has to accept. `subject` is that of one project;
    `any_project` fits all of the organization's, with `*` for the project."""

    issuer: str
    subject: str
    any_project: str
    audience: str


def presentation_of(
    kind: TrustKind, host: str, settings: Settings, organization: Organization, project: Project
) -> Presentation:
    """Return what tokens say for this project. `audience` is empty where it follows from a setting that is missing."""
    suffix = kind.subject_suffix(host)
    subject = subject_of(organization.uuid, project.uuid, suffix)
    try:
        audience = kind.audience(settings, host)
    except (KeyError, ValueError):
        audience = ""
    any_project = subject.replace(f":project:{project.uuid}", ":project:*")
    return Presentation(issuer_of(organization.uuid), subject, any_project, audience)


def usual_project(projects: Projects) -> Project | None:
    """Return the project whose subject is shown for a trust of the whole organization: `default`, or its first one."""
    return projects.filter(slug="default").first() or projects.first()
