"""What happens to one webhook or message leaves all others as they are, of this organization and of another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from groups.models import Occurrence
from groups.rules import quotas
from portal.models import Notice, Webhook
from portal.notifications import sending, webhooks
from registries.foundation.actor import CONSOLE
from registries.foundation.clock import database_now
from registries.oci.timeouts import Timeouts
from registries.oci.transport import Session
from registries.secrets import at_rest
from tests.portal.notifications.conftest import KINDS, Receiver, enter_address
from tests.support.activity import recorded
from tests.support.actors import acting


@pytest.fixture
def others(acme: Any, mallory: Any, receiver: Receiver) -> list[Webhook]:
    """A second webhook of Acme, and one of Umbrella, each with a message that waits."""
    umbrella = mallory.organizations.get()
    rows = [
        webhooks.add(acme, address=receiver.address, kinds=KINDS, by=CONSOLE)[0],
        webhooks.add(umbrella, address=receiver.address, kinds=KINDS, by=acting(mallory))[0],
    ]
    for row in rows:
        message_to(row)
    return rows


def message_to(row: Webhook, kind: str = "group.ready", **values: Any) -> Notice:
    """A message that is due."""
    occurrence = Occurrence.objects.create(
        organization=row.organization, kind=kind, group_name="web", fanned_out_at=database_now()
    )
    due = database_now() - timedelta(seconds=1)
    return Notice.objects.create(**{"occurrence": occurrence, "webhook": row, "due_at": due, **values})


def states(rows: list[Webhook]) -> list[Any]:
    """All there is of these webhooks and of their messages."""
    keys = [row.pk for row in rows]
    return [*Webhook.objects.filter(pk__in=keys).values(), *Notice.objects.filter(webhook__in=keys).values()]


def test_each_change_is_made_to_one(hook: Any, others: list[Webhook]) -> None:
    row, _ = hook
    waiting = message_to(row)
    before = states(others)

    assert webhooks.pause(row, by=CONSOLE)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.problem) == ("failed", "The webhook was switched off")
    assert waiting.ended_at is not None
    assert not webhooks.pause(row, by=CONSOLE)
    Webhook.objects.filter(pk=row.pk).update(failing_since=database_now())
    assert webhooks.resume(row, by=CONSOLE)
    row.refresh_from_db()
    assert (row.off_since, row.off_because, row.failing_since) == (None, "", None)
    assert not webhooks.resume(row, by=CONSOLE)
    webhooks.change(row, address="https://hooks.example.com/", kinds=["group.ready"], by=CONSOLE)
    assert webhooks.rotate(row, by=CONSOLE)
    assert webhooks.switch_off(row.pk, Webhook.Off.GONE, by=CONSOLE)
    assert webhooks.delete(row, by=CONSOLE)

    assert states(others) == before


def test_a_secret_opens_in_its_own_row_only(hook: Any, others: list[Webhook]) -> None:
    Webhook.objects.filter(pk=others[0].pk).update(secret=Webhook.objects.get(pk=hook[0].pk).secret)

    assert webhooks.secrets_of(Webhook.objects.get(pk=hook[0].pk)) == [hook[1]]
    with pytest.raises(at_rest.AtRestBroken):
        webhooks.secrets_of(Webhook.objects.get(pk=others[0].pk))


def test_one_that_does_not_answer_is_switched_off_alone(hook: Any, others: list[Webhook], receiver: Receiver) -> None:
    long_ago = database_now() - timedelta(days=4)
    Webhook.objects.update(failing_since=long_ago)
    before = states(others)
    receiver.status = 500
    assert not sending.deliver(message_to(hook[0]).pk)

    assert Webhook.objects.get(pk=hook[0].pk).off_because == "failing"
    assert states(others) == before

    receiver.status = 204
    assert sending.deliver(Notice.objects.get(webhook=others[0]).pk)
    assert Webhook.objects.get(pk=others[0].pk).failing_since is None
    assert Webhook.objects.get(pk=others[1].pk).failing_since == long_ago


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, ("sent", "")),
        (299, ("sent", "")),
        (300, ("waiting", "It redirects (300), which is not followed: enter the final address")),
        (399, ("waiting", "It redirects (399), which is not followed: enter the final address")),
        (400, ("waiting", "It answered 400")),
        (404, ("waiting", "It answered 404")),
        (410, ("failed", "It answered 410")),
        (411, ("waiting", "It answered 411")),
    ],
)
def test_what_counts_as_arrived(status: int, outcome: tuple[str, str], hook: Any, receiver: Receiver) -> None:
    receiver.status = status
    notice = message_to(hook[0])

    assert sending.deliver(notice.pk) is (outcome[0] == "sent")

    notice.refresh_from_db()
    row = Webhook.objects.get()
    assert (notice.status, notice.problem) == outcome
    assert (notice.answer, notice.attempts) == (status, 1)
    assert (notice.ended_at is None) is (outcome[0] == "waiting")
    assert (row.failing_since is None) is (outcome[0] == "sent")
    assert (row.off_because, row.off_since is not None) == (("gone", True) if status == 410 else ("", False))


def test_a_pause_while_it_is_being_sent_ends_it(hook: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    notice, post = message_to(hook[0]), Session.post

    def paused_in_between(*request: Any) -> Any:
        webhooks.pause(hook[0], by=CONSOLE)
        return post(*request)

    monkeypatch.setattr(Session, "post", paused_in_between)
    receiver.status = 500
    assert not sending.deliver(notice.pk)

    notice.refresh_from_db()
    assert (notice.status, notice.problem) == ("failed", "The webhook was switched off")


def test_a_receiver_has_ten_seconds_and_its_connection_is_closed(
    hook: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Timeouts] = []
    closed: list[Session] = []

    class Watched(Session):
        def __init__(self, host: str, guard: Any, ca: Any, timeouts: Timeouts) -> None:
            made.append(timeouts)
            super().__init__(host, guard, ca, timeouts)

        def close(self) -> None:
            closed.append(self)
            super().close()

    monkeypatch.setattr(sending, "Session", Watched)
    assert sending.deliver(message_to(hook[0]).pk)
    enter_address("http://127.0.0.1:9/")
    assert not sending.deliver(message_to(hook[0]).pk)

    assert [(given.connect, given.read, given.head) for given in made] == [(5, 10, 10)] * 2
    assert len(closed) == 2


def test_webhooks_are_counted_once_no_other_request_adds_one(acme: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another request was first: it has the organization's lock, and adds the tenth."""
    Webhook.objects.bulk_create([Webhook(organization=acme, address="x", secret=b"x") for _ in range(9)])
    lock = quotas.lock_organization

    def wait(organization: Any) -> Any:
        Webhook.objects.create(organization=acme, address="x", secret=b"x")
        return lock(organization)

    monkeypatch.setattr(quotas, "lock_organization", wait)
    with pytest.raises(webhooks.TooManyWebhooks):
        webhooks.add(acme, address="https://hooks.example.com/", kinds=KINDS, by=CONSOLE)
    assert not Webhook.objects.filter(address="https://hooks.example.com/").exists()


def test_failing_begins_with_the_first_message_in_a_row(hook: Any, receiver: Receiver) -> None:
    receiver.status = 500
    first = database_now() - timedelta(days=3, seconds=-60)
    Webhook.objects.update(failing_since=first)

    assert not sending.deliver(message_to(hook[0]).pk)

    row = Webhook.objects.get()
    assert (row.failing_since, row.off_since) == (first, None)


def test_only_a_failed_message_to_a_webhook_is_sent_again(hook: Any, others: list[Webhook], bob: Any) -> None:
    rows = {status: message_to(hook[0], status=status, attempts=7) for status in ("waiting", "sent", "failed")}
    Notice.objects.filter(pk=rows["failed"].pk).update(ended_at=database_now(), problem="It answered 500")
    rows["mail"] = message_to(hook[0], webhook=None, user=bob, status="failed")
    before, activity = states(others), recorded()

    for name in ("waiting", "sent", "mail"):
        was = Notice.objects.filter(pk=rows[name].pk).values().get()
        assert not webhooks.send_again(rows[name], by=CONSOLE)
        assert Notice.objects.filter(pk=rows[name].pk).values().get() == was
    assert recorded() == activity
    assert webhooks.send_again(rows["failed"], by=CONSOLE)

    again = Notice.objects.get(pk=rows["failed"].pk)
    assert (again.status, again.attempts, again.problem, again.ended_at) == ("waiting", 0, "", None)
    assert again.due_at <= database_now()
    assert states(others) == before
    assert len(recorded()) == len(activity) + 1


def test_one_that_is_off_gets_a_test_and_nothing_else(hook: Any, receiver: Receiver, project: Any, work: Any) -> None:
    row, _ = hook
    webhooks.pause(row, by=CONSOLE)
    ready = Occurrence.objects.create(organization=row.organization, kind="group.ready")
    assert sending.fan_out(ready.pk) == 0

    notice = webhooks.test(row, by=CONSOLE)
    assert notice is not None
    assert sending.deliver(notice.pk)
    assert not sending.deliver(message_to(row).pk)

    assert [b'"test"' in body for _, body in receiver.got] == [True]
    assert Occurrence.objects.get(kind="test").fanned_out_at is not None


def test_another_address_is_no_longer_failing_and_a_paused_one_is(hook: Any) -> None:
    row, _ = hook
    since = database_now() - timedelta(days=1)
    for change, kept in (
        ({"paused": True}, True),
        ({"address": "https://hooks.example.com/"}, False),
        ({"kinds": ["group.failed"]}, False),
    ):
        Webhook.objects.update(failing_since=since, off_since=None, off_because="")
        webhooks.change(row, by=CONSOLE, **change)
        assert (Webhook.objects.get().failing_since == since) is kept

    activity = recorded()
    webhooks.change(row, address="https://hooks.example.com/", kinds=["group.failed"], paused=False, by=CONSOLE)
    assert recorded() == activity, "nothing has changed"
