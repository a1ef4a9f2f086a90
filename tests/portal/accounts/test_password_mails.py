from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.module_loading import import_string
from redis.exceptions import ConnectionError as RedisConnectionError

from groups.queues import redis_queues
from groups.queues.wakeup import Wakeup
from portal.accounts import password_mails
from portal.models import PasswordMail, PasswordReset, RefusedSignIn, User
from tests.support.password_mails import RESET, ask_for_link, deliver

NOBODY = "nobody@acme.example"


@pytest.fixture(autouse=True)
def sends_mail(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What is put on queues."""
    entries: list[bytes] = []

    def push(queue: str, wakeup: Wakeup) -> None:
        entries.append(f"{queue} ".encode() + wakeup.entry)

    monkeypatch.setattr(redis_queues, "push", push)
    return entries


def test_the_request_does_the_same_whether_or_not_there_is_an_account(
    alice: User, queued: list[bytes], django_capture_on_commit_callbacks: Any
) -> None:
    done = []
    for email in (alice.email, NOBODY):
        with CaptureQueriesContext(connection) as queries, django_capture_on_commit_callbacks(execute=True):
            answer = Client().post(RESET, {"email": email})
        statements = [query["sql"].split()[0] for query in queries]
        done.append((answer.status_code, answer["Location"], statements))
    known, unknown = done
    assert known == unknown
    assert len(queued) == 2
    assert mail.outbox == [], "the mail server is not asked within the request"


def test_neither_the_row_nor_redis_has_the_link(
    alice: User, queued: list[bytes], django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groups.jobs.close_old_connections", lambda: None)  # the test's own
    mail_password = import_string(settings.WAKEUP_JOBS["mail_password"])
    with django_capture_on_commit_callbacks(execute=True):
        Client().post(RESET, {"email": alice.email})
    row = PasswordMail.objects.get()
    assert queued == [f"notices mail_password:{row.pk}".encode()]
    assert not PasswordReset.objects.exists(), "the worker makes it"
    mail_password(str(row.pk))
    mail_password("no id")
    assert "/accounts/password/reset/key/" in str(mail.outbox[0].body)
    assert mail.outbox[0].to == [alice.email]


def test_a_request_is_answered_once(alice: User) -> None:
    ask_for_link(alice.email)
    row = PasswordMail.objects.get()
    assert not password_mails.send(row.pk)
    deliver()
    assert len(mail.outbox) == 1


def test_an_altered_account_gets_none(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(email="mallory@evil.example")
    ask_for_link("mallory@evil.example")
    assert mail.outbox == []
    assert RefusedSignIn.objects.get().reason == RefusedSignIn.Reason.ALTERED


def test_whoever_is_deactivated_in_the_meantime_gets_none(alice: User) -> None:
    Client().post(RESET, {"email": alice.email})
    alice.is_active = False
    alice.set_authority_mark()
    alice.save()
    deliver()
    assert mail.outbox == []


def test_without_redis_the_answer_is_the_same_and_the_sweeper_wakes_a_worker(
    alice: User, monkeypatch: pytest.MonkeyPatch, queued: list[bytes], django_capture_on_commit_callbacks: Any
) -> None:
    def fail(*args: object) -> None:
        raise RedisConnectionError

    with monkeypatch.context() as patched, django_capture_on_commit_callbacks(execute=True):
        patched.setattr(redis_queues, "push", fail)
        answer = Client().post(RESET, {"email": alice.email})
    assert answer["Location"] == "/accounts/password/reset/done/"
    assert queued == []

    PasswordMail.objects.update(asked_at=Now() - timedelta(seconds=11))
    with django_capture_on_commit_callbacks(execute=True):
        assert password_mails.sweep() == {"password_mails_woken": 1, "password_mails_deleted": 0}
    assert len(queued) == 1


def test_what_is_too_old_is_neither_mailed_nor_kept(alice: User) -> None:
    Client().post(RESET, {"email": alice.email})
    PasswordMail.objects.update(asked_at=Now() - timedelta(hours=1, seconds=1))
    assert not password_mails.send(PasswordMail.objects.get().pk)
    assert password_mails.sweep()["password_mails_deleted"] == 1
    assert (mail.outbox, PasswordMail.objects.count()) == ([], 0)
