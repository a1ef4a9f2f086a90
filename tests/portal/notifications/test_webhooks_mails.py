"""The mails that say that a webhook's secret was made: to whom they go, and what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail

from portal.models import Organization, User, Webhook
from portal.notifications import webhooks
from registries.foundation.actor import Actor, ActorKind
from tests.portal.notifications.conftest import KINDS
from tests.support.actors import acting

ADDRESS = "https://hooks.example.com/drayage"
PROGRAM = Actor(kind=ActorKind.API_KEY, id="1", name="builds", address="192.0.2.9")


@pytest.fixture(autouse=True)
def _sends(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Any) -> Callable[[Callable[[], Any]], Any]:
    """Do something and commit it."""

    def do(action: Callable[[], Any]) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return action()

    return do


def add(acme: Organization, by: Actor) -> tuple[Webhook, str]:
    return webhooks.add(acme, address=ADDRESS, kinds=KINDS, by=by)


def sent_once(to: User, *secrets: str) -> str:
    """The text of the only mail."""
    [sent] = mail.outbox
    assert (sent.to, sent.cc, sent.bcc) == ([to.email], [], [])
    assert sent.subject == "[Drayage] A webhook secret was created"
    body = str(sent.body)
    assert not any(secret in body for secret in secrets)
    return body


def test_whoever_creates_one_gets_it(acme: Organization, alice: User, bob: User, committed: Any) -> None:
    _, secret = committed(lambda: add(acme, acting(bob)))
    body = sent_once(bob, secret)
    assert "A new signing secret for the webhook of Acme to " in body
    assert "was created by your account" in body
    assert "hooks.example.com" in body
    assert "By:" not in body


def test_whoever_rotates_it_gets_it_and_not_who_created_it(
    acme: Organization, alice: User, bob: User, committed: Any
) -> None:
    row, first = committed(lambda: add(acme, acting(bob)))
    mail.outbox.clear()
    second = committed(lambda: webhooks.rotate(row, by=acting(alice)))
    body = sent_once(alice, first, second)
    assert "for the webhook of Acme to " in body
    assert "hooks.example.com" in body


def test_of_a_program_whoever_created_the_webhook_gets_it(acme: Organization, bob: User, committed: Any) -> None:
    row, first = committed(lambda: add(acme, acting(bob)))
    mail.outbox.clear()
    second = committed(lambda: webhooks.rotate(row, by=PROGRAM))
    body = sent_once(bob, first, second)
    assert "By: builds" in body
    assert "From: 192.0.2.9" in body


def test_none_for_a_deleted_one(acme: Organization, bob: User, committed: Any) -> None:
    row, _ = committed(lambda: add(acme, acting(bob)))
    mail.outbox.clear()
    Webhook.objects.all().delete()
    assert committed(lambda: webhooks.rotate(row, by=acting(bob))) is None
    assert mail.outbox == []
