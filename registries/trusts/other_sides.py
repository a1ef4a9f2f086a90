"""The other side of a trust for pages: what tokens say for each project, and the ways to set it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from registries.foundation.requests import Organization, Project
from registries.foundation.requests import Projects as AllProjects
from registries.providers.trust_kinds import TrustKind
from registries.trusts.presentation import presentation_of
from registries.trusts.setup import OtherSide, Way, ways_of

Projects: TypeAlias = Sequence[Project]


def in_order(projects: AllProjects) -> list[Project]:
    """Return an organization's projects, `default` first and the others by name."""
    rows: list[Project] = list(projects.filter())
    return sorted(rows, key=lambda project: (project.slug != "default", project.name))


def other_side_of(
    kind: TrustKind,
    host: str,
    settings: Mapping[str, str],
    organization: Organization,
    projects: Projects,
    *,
    is_for_all: bool,
) -> OtherSide:
    """Return what the other side has to accept. `is_for_all` is whether the whole organization uses the trust. There is
    at least one project."""
    shown = {project.slug: presentation_of(kind, host, settings, organization, project) for project in projects}
    first = next(iter(shown.values()))
    return OtherSide(
        issuer=first.issuer,
        audience=first.audience,
        subjects={slug: one.subject for slug, one in shown.items()},
        pattern=first.any_project if is_for_all and len(shown) > 1 else "",
        host=host,
        settings=settings,
    )


def ways_for(kind: TrustKind, side: OtherSide) -> tuple[Way, ...]:
    """Return the ways to set it up."""
    return ways_of(kind.provider.kind, side)
