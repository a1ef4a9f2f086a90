"""Webhooks for programs: added, changed, rotated, tested, deleted, with the same rules as on the page."""

from __future__ import annotations

from typing import Any

import pytest

from portal.models import Webhook
from portal.notifications import webhooks
from tests.portal.api.conftest import Speaker
from tests.support.activity import recorded
from tests.support.actors import acting

WEBHOOKS = "/api/v1/organizations/acme/webhooks"
ADDRESS = "https://hooks.example.com/drayage"


@pytest.fixture
def program(speaks: Any) -> Speaker:
    made: Speaker = speaks()
    return made


@pytest.fixture
def added(program: Speaker) -> dict[str, Any]:
    answer = program.post(WEBHOOKS, {"address": ADDRESS, "events": ["group.failed"]})
    assert answer.status_code == 201, answer.content
    read: dict[str, Any] = answer.json()
    return read


def test_its_secret_is_returned_once_and_signs(program: Speaker, added: dict[str, Any]) -> None:
    (row,) = Webhook.objects.all()

    assert webhooks.secrets_of(row) == [added["secret"]]
    assert (added["address"], added["events"], added["paused"]) == (ADDRESS, ["group.failed"], False)
    listed = program.get(WEBHOOKS).json()["items"]
    assert listed == [{name: value for name, value in added.items() if name != "secret"}]
    assert added["secret"] not in program.get(f"{WEBHOOKS}/{row.pk}").content.decode()


def test_another_secret(program: Speaker, added: dict[str, Any]) -> None:
    rotated = program.post(f"{WEBHOOKS}/{added['id']}/secret").json()

    assert webhooks.secrets_of(Webhook.objects.get()) == [rotated["secret"], added["secret"]]


def test_changed_paused_and_gone(program: Speaker, added: dict[str, Any]) -> None:
    one = f"{WEBHOOKS}/{added['id']}"

    changed = program.patch(one, {"events": ["group.ready", "group.running"], "paused": True}).json()
    assert (changed["address"], changed["events"]) == (ADDRESS, ["group.ready", "group.running"])
    assert (changed["paused"], changed["off_because"]) == (True, "a member paused it")
    assert program.patch(one, {"paused": False}).json()["paused"] is False
    assert program.delete(one).status_code == 204
    assert program.get(one).status_code == 404
    assert [(row[1], row[3]) for row in recorded(text__actor_name="API key ci")] == [
        ("notification.added", ""),
        ("notification.changed", "changed"),
        ("notification.changed", "paused"),
        ("notification.changed", "switched on"),
        ("notification.deleted", ""),
    ]


def test_a_test_is_among_the_messages(program: Speaker, added: dict[str, Any]) -> None:
    one = f"{WEBHOOKS}/{added['id']}"

    assert program.post(f"{one}/test").status_code == 202
    assert [row[0] for row in recorded(action="notification.tested")] == ["API key ci"]
    (message,) = program.get(f"{one}/messages").json()["items"]
    assert (message["event"], message["status"], message["attempts"]) == ("test", "waiting", 0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"address": "http://169.254.169.254/latest", "events": ["group.failed"]}, "address"),
        ({"address": "https://user:pw@hooks.example.com/", "events": ["group.failed"]}, "address"),
        ({"address": "https://hooks.example.com:22/", "events": ["group.failed"]}, "address"),
        ({"address": "https://hooks.example.com:0/", "events": ["group.failed"]}, "address"),
        ({"address": "https://[::1]/", "events": ["group.failed"]}, "address"),
        ({"address": "https://[::1", "events": ["group.failed"]}, "address"),
        ({"address": "https://[fe80::1%25lo]/", "events": ["group.failed"]}, "address"),
        ({"address": "https://2130706433/", "events": ["group.failed"]}, "address"),
        ({"address": "https://\uff11\uff12\uff17.0.0.1/", "events": ["group.failed"]}, "address"),
        ({"address": ADDRESS, "events": []}, "events"),
        ({"address": ADDRESS, "events": ["group.deleted"]}, "events"),
        ({"events": ["group.failed"]}, "address"),
    ],
)
def test_what_can_not_be_used(program: Speaker, body: dict[str, Any], field: str) -> None:
    answer = program.post(WEBHOOKS, body)

    assert answer.status_code == 400
    assert answer.json()["field"].startswith(field)
    assert not Webhook.objects.exists()


def test_no_more_than_ten_beside_those_of_others(program: Speaker, mallory: Any) -> None:
    umbrella = mallory.memberships.get().organization
    for number in range(10):
        webhooks.add(umbrella, address=f"{ADDRESS}/{number}", kinds=["group.failed"], by=acting(mallory))

    answers = [
        program.post(WEBHOOKS, {"address": f"{ADDRESS}/{number}", "events": ["group.failed"]}) for number in range(11)
    ]

    assert [answer.status_code for answer in answers[:-1]] == [201] * 10
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (409, "too_many_webhooks")


def test_another_organizations(program: Speaker, mallory: Any) -> None:
    umbrella = mallory.memberships.get().organization
    row, _ = webhooks.add(umbrella, address=ADDRESS, kinds=["group.failed"], by=acting(mallory))

    assert program.get(f"{WEBHOOKS}/{row.pk}").status_code == 404
    assert program.delete(f"{WEBHOOKS}/{row.pk}").status_code == 404
    assert program.get(WEBHOOKS).json() == {"items": []}
