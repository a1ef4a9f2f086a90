"""How often a message is attempted, with which pauses, and that no two jobs send one twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from smtplib import SMTPException
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db.models.functions import Now

from groups.models import ContainerGroup, Occurrence
from groups.rules.states import move
from portal.models import Notice
from portal.notifications import sending
from registries.foundation.clock import database_now

SECOND = timedelta(seconds=1)
PAUSES = (10, 60, 300, 1800, 7200, 21600)
really = EmailMessage.send


def refuse(message: EmailMessage) -> int:
    raise SMTPException("450 later")


def due(*, ago: timedelta = SECOND) -> None:
    Notice.objects.update(due_at=database_now() - ago)


def seconds_left(notice: Notice) -> float:
    notice.refresh_from_db()
    return (notice.due_at - database_now()).total_seconds()


def state_of(notice: Notice) -> tuple[str, int, bool]:
    """Its status, attempts, and whether it has ended."""
    notice.refresh_from_db()
    return notice.status, notice.attempts, notice.ended_at is not None


@pytest.fixture(autouse=True)
def _sends_mail(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[EmailMessage], int]], None]:
    """Let the mail server answer as a function does."""
    return lambda answer: monkeypatch.setattr(EmailMessage, "send", answer)


@pytest.fixture
def notice(group: ContainerGroup) -> Notice:
    """The mail to bob about the failure of his group, not sent yet."""
    move(group, to="failed")
    sending.fan_out(Occurrence.objects.get().pk)
    return Notice.objects.get()


@pytest.mark.parametrize("answer", [refuse, lambda message: 0], ids=["an error", "no one taken"])
def test_a_refused_mail_does_not_count_as_sent(notice: Notice, server: Any, answer: Any) -> None:
    server(answer)
    assert not sending.deliver(notice.pk)

    assert state_of(notice) == ("waiting", 1, False)
    assert notice.problem == "The mail server did not take it"
    assert notice.took_ms is not None

    server(really)
    due()
    assert sending.deliver(notice.pk)
    assert state_of(notice) == ("sent", 2, True)
    assert notice.problem == ""
    assert len(mail.outbox) == 1


def test_how_long_it_took_is_kept(notice: Notice, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([10.0, 10.25])
    clock = SimpleNamespace(monotonic=lambda: next(moments), time=time.time)
    monkeypatch.setattr("portal.notifications.sending.time", clock)
    assert sending.deliver(notice.pk)

    notice.refresh_from_db()
    assert (notice.answer, notice.took_ms) == (None, 250)


def test_six_pauses_and_then_it_has_failed(notice: Notice, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server(refuse)
    spread: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        spread.append((low, high))
        return 1.0

    monkeypatch.setattr("random.uniform", uniform)
    for attempt, pause in enumerate(PAUSES, 1):
        due()
        assert not sending.deliver(notice.pk)
        assert state_of(notice) == ("waiting", attempt, False)
        assert pause - 5 < seconds_left(notice) <= pause
    assert spread == [(0.8, 1.2)] * 6

    due()
    assert not sending.deliver(notice.pk)
    assert state_of(notice) == ("failed", 7, True)
    server(really)
    assert not sending.deliver(notice.pk)
    assert state_of(notice) == ("failed", 7, True)
    assert mail.outbox == []


def test_not_a_moment_before_it_is_due(notice: Notice) -> None:
    due(ago=-timedelta(seconds=5))
    assert not sending.deliver(notice.pk)
    assert state_of(notice) == ("waiting", 0, False)

    Notice.objects.update(due_at=Now())  # in the database's own form, which SQLite compares as text
    assert sending.deliver(notice.pk)


def test_a_late_duplicate_job_sends_nothing_again(notice: Notice) -> None:
    assert sending.deliver(notice.pk)
    ended_at = Notice.objects.get().ended_at

    due(ago=timedelta(days=1))
    assert not sending.deliver(notice.pk)
    assert sending.fan_out(notice.occurrence_id) == 0
    assert sending.sweep()["notices_woken"] == 0

    assert state_of(notice) == ("sent", 1, True)
    assert notice.ended_at == ended_at
    assert len(mail.outbox) == 1


def test_a_second_job_while_it_is_being_sent(notice: Notice, server: Any) -> None:
    seen = []

    def slowly(message: EmailMessage) -> int:
        seen.append((sending.deliver(notice.pk), seconds_left(notice)))
        return really(message)

    server(slowly)
    assert sending.deliver(notice.pk)

    ((again, left),) = seen
    assert not again
    assert 85 < left <= 90
    assert state_of(notice) == ("sent", 1, True)
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("is_late", [True, False])
def test_an_attempt_that_another_worker_has_taken_over_records_nothing(
    is_late: bool, notice: Notice, server: Any
) -> None:
    """The first worker was away for longer than its lease. Its mail is refused in the end, or accepted."""

    def away(message: EmailMessage) -> int:
        server(really)
        due()
        assert sending.deliver(notice.pk)
        return 0 if is_late else really(message)

    server(away)
    assert sending.deliver(notice.pk) is not is_late

    assert state_of(notice) == ("sent", 2, True)
    assert notice.problem == ""


def test_a_take_over_that_is_still_sending_is_not_ended(notice: Notice, server: Any) -> None:
    def away(message: EmailMessage) -> int:
        Notice.objects.update(attempts=2)  # another worker has begun the second attempt
        return really(message)

    server(away)
    sending.deliver(notice.pk)

    assert state_of(notice) == ("waiting", 2, False)


def test_the_sweep_leaves_what_the_queue_already_holds(
    notice: Notice,
    woken: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    due(ago=timedelta(minutes=1))
    Occurrence.objects.create(organization=notice.occurrence.organization, kind="group.ready")
    Occurrence.objects.update(created_at=database_now() - timedelta(minutes=1))
    for jobs, count in ((2, 0), (3, 0), (1, 2)):
        monkeypatch.setattr("portal.notifications.sending.waiting", lambda queue, jobs=jobs: jobs)
        woken.clear()
        with django_capture_on_commit_callbacks(execute=True):
            assert sending.sweep() == {"notices_woken": count, "events_deleted": 0}
        assert [name for name, _ in woken] == ["fan_out", "deliver"][:count]


def test_the_sweep_wakes_two_hundred_of_a_kind(
    notice: Notice,
    woken: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.setattr("portal.notifications.sending.waiting", lambda queue: 0)
    long_ago = database_now() - timedelta(minutes=1)
    acme = notice.occurrence.organization
    lost = [Occurrence(organization=acme, kind="group.ready", created_at=long_ago) for _ in range(201)]
    Occurrence.objects.bulk_create(lost)
    woken.clear()
    with django_capture_on_commit_callbacks(execute=True):
        assert sending.sweep()["notices_woken"] == 200
    assert len(set(woken)) == 200
