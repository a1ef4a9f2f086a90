"""Content of a notice: the body of a webhook, and the context of an email's template."""

from __future__ import annotations

import json

from django.conf import settings
from django.urls import reverse

import groups.failures  # noqa: F401 (registers the failures that messages describe)
from groups.models import ContainerGroup, Occurrence
from groups.queries.outages import outages_at
from groups.queries.retry_credential import kept_credential
from portal.models import Notice
from portal.notifications.subscriptions import EVENTS, Kind
from registries.failures import where_met
from registries.models import Credential


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
            **where_met(failure.params),
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
        "kept": _kept(occurrence.group),
        "is_destroyed": _is_destroyed(occurrence.group),
        "outages": outages_at([occurrence.failure.registry]) if occurrence.failure else [],
        "address": _page_of(occurrence),
        "is_chosen": occurrence.kind in EVENTS,
        "choices": f"{settings.PORTAL_PUBLIC_URL}{preferences}",
        "kind": Kind(occurrence.kind).name.lower(),
    }


def _kept(group: ContainerGroup | None) -> Credential | None:
    """The credential that is kept to try the group's failed pull again."""
    image = group.failed_image if group is not None else None
    return kept_credential(group) if group is not None and image is not None and image.keeps_credential else None


def _is_destroyed(group: ContainerGroup | None) -> bool:
    """Whether the group's image was pulled with a credential that no longer exists."""
    credential = group.image.credential if group is not None else None
    return credential is not None and not credential.is_live


def _page_of(occurrence: Occurrence) -> str:
    """Return the absolute address of the failure's page or the group's; empty if the group is deleted."""
    group, failure = occurrence.group, occurrence.failure
    if group is None:
        return ""
    path = [occurrence.organization.slug, group.project.slug, group.name]
    name, key = ("groups:failure", [failure.pk]) if failure else ("groups:detail", [])
    return f"{settings.PORTAL_PUBLIC_URL}{reverse(name, args=[*path, *key])}"
