"""Requests as views of an organization's pages get them. `portal.middleware` fills in what is declared here."""

from __future__ import annotations

from typing import Protocol

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from registries.foundation.actor import Actor


class Project(Protocol):
    """A project of the organization, as lower apps know it."""

    pk: int
    slug: str
    name: str


class Projects(Protocol):
    """The projects of an organization."""

    def first(self) -> Project | None: ...


class Organization(Protocol):
    """The organization of the address, as lower apps know it."""

    pk: int
    slug: str
    name: str

    @property
    def projects(self) -> Projects: ...


class Role(Protocol):
    """What the member may do; a greater rank may do more."""

    @property
    def value(self) -> str: ...

    @property
    def rank(self) -> int: ...


class Access(Protocol):
    """The person's role and the ids of the address, known before any row of them is read."""

    organization_id: int
    project_id: int | None


class Member(Protocol):
    """The signed-in person."""

    pk: int
    email: str


class ActorRequest(HttpRequest):
    """Any request that reached a view of the portal: `actor` is whoever asks, `request_id` is in the logs too."""

    actor: Actor
    request_id: str


class MemberRequest(ActorRequest):
    """A request of a signed-in member below `/o/<organization>/`."""

    user: Member  # type: ignore[assignment]
    organization: Organization
    project: Project
    role: Role
    access: Access
    htmx: HtmxDetails
