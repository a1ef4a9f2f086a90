"""Content of a notice: the body of a webhook, and the context of an email's template."""

from __future__ import annotations

import json

from django.conf import settings
from django.urls import reverse

import groups.failures  # noqa: F401 (registers the failures that messages describe)
from groups.models import Occurrence
from portal.models import Notice
from portal.notifications.subscriptions import EVENTS, Kind


def body(notice: Notice) -> bytes:
    """Return the JSON of a webhook: `type`, `timestamp`, and in `data` the organization, the group and the failure."""
    occurrence = notice.occurrence
    data: dict[str, object] = {"organization": occurrence.organization.slug}
    if occurrence.group_name:
        data["group"] = occurrence.group_name
    if group := occurrence.group:
        data |= {"project": group.project.slug, "image": group.image.reference, "digest": group.image.digest or None}
    if address := _page_of(occurrence):
        data["url"] = address
    if failure := occurrence.failure:
        words = failure.words
        data["failure"] = {
            "code": failure.code, "step": failure.step, "title": words.title, "text": words.text, "fix": words.remedy,
        }  # fmt: skip
    if occurrence.node_name:
        data["node"] = occurrence.node_name
    message = {"type": occurrence.kind, "timestamp": occurrence.created_at.isoformat(), "data": data}
    return json.dumps(message, separators=(",", ":")).encode()


def email_context(notice: Notice) -> dict[str, object]:
    """Return the context of the template of a notice's email."""
    occurrence = notice.occurrence
    preferences = reverse("portal:notifications", args=[occurrence.organization.slug])
    return {
        "occurrence": occurrence,
        "organization": occurrence.organization,
        "group": occurrence.group,
        "failure": occurrence.failure,
        "words": occurrence.failure.words if occurrence.failure else None,
        "address": _page_of(occurrence),
        "is_chosen": occurrence.kind in EVENTS,
        "choices": f"{settings.PORTAL_PUBLIC_URL}{preferences}",
        "kind": Kind(occurrence.kind).name.lower(),
    }


def _page_of(occurrence: Occurrence) -> str:
    """Return the absolute address of the failure's page or the group's; empty if the group is deleted."""
    group, failure = occurrence.group, occurrence.failure
    if group is None:
        return ""
    path = [occurrence.organization.slug, group.project.slug, group.name]
    name, key = ("groups:failure", [failure.pk]) if failure else ("groups:detail", [])
    return f"{settings.PORTAL_PUBLIC_URL}{reverse(name, args=[*path, *key])}"
