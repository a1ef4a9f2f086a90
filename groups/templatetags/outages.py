"""Outages of registries, on the pages where a member would look for the reason of a failure."""

from __future__ import annotations

from typing import TypedDict

from django import template
from django.template.context import RequestContext

from groups.queries.outages import OutageNotice, outages_at, outages_of

register = template.Library()


class OutageNotices(TypedDict):
    """What `groups/outages.html` shows."""

    notices: list[OutageNotice]


@register.inclusion_tag("groups/outages.html")
def outages_at_registries(*hosts: str) -> OutageNotices:
    """Outages of these registries, such as an image's. One query."""
    return {"notices": outages_at(host for host in hosts if host)}


@register.inclusion_tag("groups/outages.html", takes_context=True)
def outages_of_organization(context: RequestContext, *, any_service: bool = False) -> OutageNotices:
    """Outages of the registries that the organization uses; with `any_service` also of those that it may be about to
    use. One query where there is none."""
    organization = context["organization"]
    return {"notices": outages_of(organization.pk, any_service=any_service)}
