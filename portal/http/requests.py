"""Types of requests for views of the portal, with the portal's own models."""

from __future__ import annotations

from portal.models import Organization, Project, Role, User
from registries.foundation import requests


class MemberRequest(requests.MemberRequest):
    """A request of a signed-in member below `/o/<organization>/`. `project` is the one of the address, or the
    organization's first one."""

    user: User
    organization: Organization
    project: Project
    role: Role


class StaffRequest(requests.ActorRequest):
    """A request of somebody signed in to the admin."""

    user: User
