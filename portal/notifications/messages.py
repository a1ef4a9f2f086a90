"""What a notice says: the body of a webhook, and what its e-mail is made from."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.urls import reverse

import groups.failures  # noqa: F401 (registers the failures whose words are told)
from groups.models import Occurrence
from portal.models import Notice
from portal.notifications.subscriptions import Kind


def body(notice: Notice) -> bytes:
    """The JSON of a webhook: `type`, `timestamp`, and in `data` the organization, the group, and what a failure was."""
    occurrence = notice.occurrence
    data: dict[str, Any] = {"organization": occurrence.organization.slug}
    if occurrence.group_name:
        data["group"] = occurrence.group_name
    if group := occurrence.group:
        data |= {"project": group.project.slug, "image": group.image.reference, "digest": group.image.digest or None}
    if address := page_of(occurrence):
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


def email_context(notice: Notice) -> dict[str, Any]:
    """What the template of a notice's e-mail is filled with."""
    occurrence = notice.occurrence
    choices = reverse("portal:notifications", args=[occurrence.organization.slug])
    return {
        "occurrence": occurrence,
        "organization": occurrence.organization,
        "group": occurrence.group,
        "failure": occurrence.failure,
        "words": occurrence.failure.words if occurrence.failure else None,
        "address": page_of(occurrence),
        "choices": f"{settings.PORTAL_PUBLIC_URL}{choices}",
        "kind": Kind(occurrence.kind).name.lower(),
    }


def page_of(occurrence: Occurrence) -> str:
    """Where to look: the failure's page, or the group's."""
    group, failure = occurrence.group, occurrence.failure
    if group is None:
        return ""
    place = [occurrence.organization.slug, group.project.slug, group.name]
    name, more = ("groups:failure", [failure.pk]) if failure else ("groups:detail", [])
    return f"{settings.PORTAL_PUBLIC_URL}{reverse(name, args=[*place, *more])}"
