"""What members read of a row on the activity page, below its sentence."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from portal.models import Activity, ActivityText
from registries.foundation.activity import Target, Value, record
from registries.foundation.actor import Actor, ActorKind

PAGE = "/o/acme/settings/activity/?area=group"
KEY = Actor(kind=ActorKind.API_KEY, id="1", name="API key ci", address="198.51.100.7", request_id="b" * 32)


def write(organization: Any, by: Actor, before: dict[str, Value], after: dict[str, Value]) -> Activity:
    target = Target("group", 3, "nightly")
    with transaction.atomic():
        record(by, "group.changed", target, organization_id=organization.pk, before=before, after=after)
    return Activity.objects.filter(organization=organization).latest("number")


def facts(client: Client) -> dict[str, str]:
    """The labels and texts below the only line."""
    found = re.findall(r"<dt>(?:<code>)?(.*?)(?:</code>)?</dt><dd>(.*?)</dd>", client.get(PAGE).text)
    return {html.unescape(label): html.unescape(text) for label, text in found}


def test_who_did_it_from_where_and_in_which_request(member: Client, acme: Any) -> None:
    row = write(acme, KEY, {}, {})

    assert facts(member) == {
        "Time": f"{row.created_at:%-d %B %Y, %H:%M:%S} UTC",
        "IP address": "198.51.100.7",
        "Request ID": "b" * 32,
        "Row": str(row.number),
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"replicas": 1}, {"replicas": 2}, {"replicas": "1 → 2"}),
        ({"replicas": 0}, {"replicas": None}, {"replicas": "0 → none"}),
        ({}, {"role": "viewer"}, {"role": "viewer"}),
        ({"role": "owner"}, {}, {"role": "was owner"}),
        ({"is_active": True}, {"is_active": False}, {"is_active": "yes → no"}),
        ({"kinds": ["failed", "ready"]}, {"kinds": []}, {"kinds": "failed, ready → none"}),
        ({"image": ""}, {"image": "<b>&"}, {"image": "none → <b>&"}),
        ({"cpu": 1, "gpu": "a"}, {"gpu": "b", "ram": 2}, {"cpu": "was 1", "gpu": "a → b", "ram": "2"}),
    ],
)
def test_what_changed(
    member: Client, acme: Any, before: dict[str, Value], after: dict[str, Value], expected: dict[str, str]
) -> None:
    write(acme, KEY, before, after)

    shown = facts(member)
    assert {name: shown.get(name) for name in before | after} == expected


@pytest.mark.parametrize("kind", [ActorKind.OPERATOR, ActorKind.SUPPORT])
def test_members_do_not_read_where_staff_is(member: Client, acme: Any, olga: Any, kind: ActorKind) -> None:
    write(acme, Actor(kind=kind, id=str(olga.pk), name="Drayage", address="203.0.113.9"), {}, {"replicas": 2})

    assert set(facts(member)) == {"Time", "Row", "replicas"}
    assert "203.0.113.9" not in member.get(PAGE).text


def test_what_was_erased_is_not_shown(member: Client, acme: Any) -> None:
    row = write(acme, KEY, {"image": "secret-name"}, {"image": "other"})
    ActivityText.objects.filter(pk=row.pk).delete()

    assert set(facts(member)) == {"Time", "Request ID", "Row"}
    assert "secret-name" not in member.get(PAGE).text
