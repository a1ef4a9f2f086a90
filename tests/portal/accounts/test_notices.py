"""Mails about changes of an account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from portal.accounts.notices import send_notice
from portal.models import User
from registries.foundation.actor import CONSOLE, Actor, ActorKind
from tests.support.actors import acting

pytestmark = pytest.mark.django_db
FOLDER = Path(__file__).parents[3] / "templates/emails/account"
NOTICES = sorted(path.stem for path in FOLDER.glob("*.txt"))


@pytest.fixture(autouse=True)
def _sends(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True
    settings.PORTAL_PUBLIC_URL = "https://portal.example"


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Any) -> Any:
    """A block whose end is a commit."""

    @contextmanager
    def block() -> Iterator[None]:
        with django_capture_on_commit_callbacks(execute=True):
            yield

    return block


def from_firefox(person: User) -> Actor:
    return Actor(
        kind=ActorKind.PERSON, id=str(person.pk), name=person.email, address="192.0.2.7", device="Firefox on Linux"
    )


@pytest.mark.parametrize("notice", NOTICES)
def test_says_when_and_from_where_and_what_to_do(notice: str, alice: User, committed: Any) -> None:
    with committed():
        send_notice(alice, notice, by=from_firefox(alice))
    [sent] = mail.outbox
    assert sent.to == [alice.email]
    assert sent.subject.startswith("[Drayage] ")
    body = str(sent.body)
    for text in ("When: ", " UTC", "From: 192.0.2.7", "Device: Firefox on Linux", "https://portal.example/accounts/"):
        assert text in body
    assert "By:" not in body


def test_an_operator_is_not_located(alice: User, olga: User, committed: Any) -> None:
    by = Actor(kind=ActorKind.OPERATOR, id=str(olga.pk), name="Drayage", address="192.0.2.9", device="Chrome on Linux")
    with committed():
        send_notice(alice, "password_changed", by=by)
    body = str(mail.outbox[0].body)
    assert "By: an operator of this portal" in body
    for hidden in ("192.0.2.9", "Chrome", olga.email):
        assert hidden not in body


def test_somebody_else_is_named(alice: User, bob: User, committed: Any) -> None:
    with committed():
        send_notice(alice, "api_key_created", by=acting(bob), details={"key": "builds", "organization": "Acme"})
    body = str(mail.outbox[0].body)
    assert f"By: {bob.email}" in body
    assert "The API key builds of Acme" in body


def test_can_go_to_another_address(alice: User, committed: Any) -> None:
    with committed():
        send_notice(alice, "password_changed", by=CONSOLE, to="before@acme.example")
    assert mail.outbox[0].to == ["before@acme.example"]


def test_nothing_is_sent_of_what_is_rolled_back(alice: User, committed: Any) -> None:
    with committed(), transaction.atomic():
        send_notice(alice, "password_changed", by=CONSOLE)
        transaction.set_rollback(True)
    assert mail.outbox == []


def test_a_mail_server_that_is_down_breaks_nothing(alice: User, committed: Any, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with committed():
        send_notice(alice, "password_changed", by=CONSOLE)
    assert mail.outbox == []
