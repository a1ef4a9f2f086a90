"""Requests as views get them, and the address of their client. `portal.http.middleware` fills in what is declared
here."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Protocol
from uuid import UUID

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from registries.foundation.actor import Actor
from registries.foundation.ids import OrganizationId, ProjectId, UserId


class Project(Protocol):
    """A project of the organization, as lower apps know it."""

    pk: ProjectId
    slug: str
    uuid: UUID
    name: str


class ProjectRows(Protocol):
    """Some projects of an organization."""

    def filter(self, **fields: str) -> ProjectRows: ...

    def first(self) -> Project | None: ...

    def __iter__(self) -> Iterator[Project]: ...


class Projects(Protocol):
    """Projects of an organization, by name."""

    def filter(self, **fields: str) -> ProjectRows: ...

    def first(self) -> Project | None: ...


class Organization(Protocol):
    """The organization of the address, as lower apps know it."""

    pk: OrganizationId
    slug: str
    uuid: UUID
    name: str

    @property
    def projects(self) -> Projects: ...


class Role(Protocol):
    """What the member may do; a greater `rank` may do more."""

    @property
    def value(self) -> str: ...

    @property
    def rank(self) -> int: ...


class Access(Protocol):
    """The ids of the organization and the project in the address, known before their rows are read."""

    @property
    def organization_id(self) -> OrganizationId: ...

    @property
    def project_id(self) -> ProjectId | None: ...


class ProjectAccess(Access, Protocol):
    """Access below a project: its id is known."""

    @property
    def project_id(self) -> ProjectId: ...


class Member(Protocol):
    """The signed-in person."""

    pk: UserId
    email: str


class ActorRequest(HttpRequest):
    """Every request that reaches a view of the portal. `actor` is who makes it; `request_id` is in the logs too."""

    actor: Actor
    request_id: str


class MemberRequest(ActorRequest):
    """A request of a signed-in member below `/o/<organization>/`.

    `project` is the one of the address, or the organization's first one where the address names none. It is read from
    the database when it is first used, so a missing project is false and not `None`.
    """

    user: Member  # type: ignore[assignment]
    organization: Organization
    project: Project | None
    role: Role
    access: Access
    htmx: HtmxDetails


class ProjectRequest(MemberRequest):
    """A request of a member below `/o/<organization>/<project>/`."""

    project: Project
    access: ProjectAccess


class ApiRequest(ActorRequest):
    """A request of an API key below `/api/…/organizations/<organization>/`. `project` is the one of the address, and
    is set only where the address names one."""

    organization: Organization
    project: Project
    may_write: bool


def client_address(request: HttpRequest) -> str:
    """Return the IP address of the client in its one spelling; empty where there is none, such as behind a Unix socket.
    An IPv4 address that a socket of IPv6 shows as `::ffff:192.0.2.1` is `192.0.2.1`."""
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)
