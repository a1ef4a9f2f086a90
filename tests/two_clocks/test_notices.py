"""Notices and webhooks by the database's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from groups.models import NodeToken, Occurrence
from groups.rules import events
from groups.rules.states import move
from portal.mail.sending import Outcome
from portal.models import Notice, Webhook
from portal.notifications import sending, webhooks
from registries.foundation.clock import database_now
from tests.support.actors import acting
from tests.support.pulls import make_group
from tests.two_clocks.times import ago, in_about

HOST = "registry.example.com"
IMAGE = f"{HOST}/team/app:1"
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _sends_mail(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True


@pytest.fixture
def notice(project: Any, bob: Any) -> Notice:
    """The mail to bob about his group's failure, fanned out and not sent."""
    group = make_group(project, IMAGE, by=acting(bob))
    move(group, to="failed")
    assert sending.fan_out(Occurrence.objects.get().pk) == 1
    return Notice.objects.get()


def test_what_is_fanned_out_is_due_at_once(notice: Notice) -> None:
    assert in_about(notice.created_at)
    assert notice.due_at <= database_now()
    assert sending.deliver(notice.pk)
    assert len(mail.outbox) == 1


def test_the_pause_before_another_attempt(notice: Notice, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as refused:
        refused.setattr("portal.mail.sending.send", lambda *mail: Outcome.NOT_SENT)
        assert not sending.deliver(notice.pk)
    notice.refresh_from_db()
    assert 7 < (notice.due_at - database_now()).total_seconds() <= 12

    assert not sending.deliver(notice.pk)
    Notice.objects.update(due_at=ago(seconds=1))
    assert sending.deliver(notice.pk)


def test_one_mail_an_hour(notice: Notice) -> None:
    occurrence = Occurrence.objects.get()
    again = Occurrence.objects.create(
        organization=occurrence.organization, group=occurrence.group, group_name=occurrence.group_name,
        kind=occurrence.kind,
    )  # fmt: skip
    Notice.objects.update(created_at=ago(minutes=59))
    assert sending.fan_out(again.pk) == 0

    Occurrence.objects.update(fanned_out_at=None)
    Notice.objects.update(created_at=ago(minutes=61))
    assert sending.fan_out(again.pk) == 1


def test_a_lost_wake_up_is_found_after_ten_seconds_and_old_events_go_after_thirty_days(
    notice: Notice, woken: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    def swept() -> tuple[int, int]:
        with django_capture_on_commit_callbacks(execute=True):
            counts = sending.sweep()
        return counts["notices_woken"], counts["events_deleted"]

    Occurrence.objects.update(fanned_out_at=None, created_at=ago(seconds=8))
    Notice.objects.update(due_at=ago(seconds=8))
    assert swept() == (0, 0)
    Occurrence.objects.update(created_at=ago(seconds=12))
    Notice.objects.update(due_at=ago(seconds=12))
    assert swept() == (2, 0)
    assert woken[-2:] == [str(notice.occurrence_id), str(notice.pk)]

    Occurrence.objects.update(fanned_out_at=ago(seconds=1), created_at=ago(days=30, seconds=-60))
    Notice.objects.update(status="sent")
    assert swept() == (0, 0)
    Occurrence.objects.update(created_at=ago(days=30, seconds=60))
    assert swept() == (0, 2)


def test_a_webhook_that_fails_for_three_days_is_switched_off(
    acme: Any, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, _ = webhooks.add(acme, address="http://127.0.0.1:9/", kinds=["group.failed"], by=acting(alice))
    test = webhooks.test(row, by=acting(alice))
    assert test is not None
    for since, is_off in ((timedelta(days=3) - MINUTE, False), (timedelta(days=3) + MINUTE, True)):
        Webhook.objects.update(failing_since=database_now() - since)
        Notice.objects.update(due_at=ago(seconds=1))
        assert not sending.deliver(test.pk)
        assert (Webhook.objects.get().off_since is not None) is is_off


def test_a_rotated_secret_signs_for_a_day(acme: Any, alice: Any, as_user: Any) -> None:
    row, old = webhooks.add(acme, address="https://hooks.example.com/", kinds=[], by=acting(alice))
    new = webhooks.rotate(row, by=acting(alice))
    row.refresh_from_db()
    assert in_about(row.previous_until, hours=24)

    page = f"/o/acme/settings/notifications/webhooks/{row.pk}/"
    for left, secrets in ((MINUTE, [new, old]), (-MINUTE, [new])):
        Webhook.objects.update(previous_until=database_now() + left)
        row.refresh_from_db()
        assert webhooks.secrets_of(row) == secrets
        assert as_user(alice).get(page).context["both"] is (left > timedelta(0))


def test_a_replay_is_reported_once_an_hour(acme: Any) -> None:
    token = NodeToken(organization=acme, group_name="web", node_name="n1")
    events.note_replay(token)
    for age, count in ((59, 1), (61, 2)):
        Occurrence.objects.update(created_at=ago(minutes=age))
        events.note_replay(token)
        assert Occurrence.objects.count() == count
