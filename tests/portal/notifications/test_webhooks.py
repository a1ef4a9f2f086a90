"""What goes out to webhooks: signed, tried again, and never to a host that is not allowed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from structlog.testing import capture_logs

from groups.models import ContainerGroup, Failure, Occurrence
from groups.rules.states import Stale, move
from portal.models import Notice, Webhook
from portal.notifications import sending, webhooks
from registries.foundation.actor import CONSOLE
from registries.foundation.clock import database_now
from tests.portal.notifications.conftest import KINDS, Handler, Receiver, enter_address
from tests.support.activity import recorded
from tests.support.actors import acting


def signature(secret: str, sent: dict[str, str], body: bytes) -> str:
    """What Standard Webhooks has a receiver compute."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def due_now() -> None:
    Notice.objects.update(due_at=timezone.now() - timedelta(seconds=60))


class TestWebhooks:
    def test_a_failure_arrives_signed(self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any) -> None:
        happens(group, "failed", failure=True)

        ((sent, body),) = receiver.got
        assert signature(hook[1], sent, body) == sent["webhook-signature"]
        assert abs(int(sent["webhook-timestamp"]) - timezone.now().timestamp()) < 60
        message = json.loads(body)
        assert message["type"] == "group.failed"
        data = message["data"]
        assert (data["organization"], data["project"], data["group"]) == ("acme", "default", "web")
        assert data["failure"]["code"] == "image_not_found"
        assert data["url"].endswith(f"/groups/web/failures/{Failure.objects.get().pk}/")
        notice = Notice.objects.get()
        assert (notice.status, notice.answer, notice.attempts) == ("sent", 204, 1)
        named = [sent[name] for name in ("content-type", "user-agent", "webhook-id")]
        assert named == ["application/json", "drayage-webhooks/1", str(notice.pk)]

    def test_ready_and_running(self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any) -> None:
        happens(group, "stopped")
        happens(group, "deploying")
        happens(group, "running")

        assert [json.loads(body)["type"] for _, body in receiver.got] == ["group.ready", "group.running"]

    def test_only_what_was_chosen_and_only_of_ones_own_organization(
        self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any, mallory: Any
    ) -> None:
        Webhook.objects.update(kinds=["group.failed"])
        webhooks.add(mallory.organizations.get(), address=receiver.address, kinds=KINDS, by=acting(mallory))

        happens(group, "stopped")

        assert receiver.got == []
        assert not Notice.objects.exists()

    def test_a_move_that_lost_sends_nothing(self, group: ContainerGroup, hook: Any) -> None:
        ContainerGroup.objects.update(status="failed")

        with pytest.raises(Stale):
            move(group, to="stopped")
        assert not Occurrence.objects.exists()

    def test_what_does_not_arrive_is_tried_again_and_given_up(
        self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any, work: Any, woken: Any,
        django_capture_on_commit_callbacks: Any,
    ) -> None:  # fmt: skip
        receiver.status = 500
        happens(group, "stopped")
        notice = Notice.objects.get()
        assert (notice.status, notice.attempts, notice.problem) == ("waiting", 1, "It answered 500")
        assert notice.due_at > timezone.now()
        assert not sending.deliver(notice.pk), "not before its time"

        for _ in sending.RETRY_SECONDS:
            due_now()
            with django_capture_on_commit_callbacks(execute=True):
                assert sending.sweep()["notices_woken"] == 1
            work()

        notice.refresh_from_db()
        assert (notice.status, notice.attempts, len(receiver.got)) == ("failed", 7, 7)
        assert len({sent["webhook-id"] for sent, _ in receiver.got}) == 1
        assert Webhook.objects.get().failing_since is not None

        receiver.status = 200
        with django_capture_on_commit_callbacks(execute=True):
            assert webhooks.send_again(notice, by=CONSOLE)
        work()
        notice.refresh_from_db()
        assert notice.status == "sent"
        assert Webhook.objects.get().failing_since is None

    @pytest.mark.parametrize(("status", "event"), [(204, "notice_sent"), (500, "notice_not_sent")])
    def test_its_address_is_in_no_log(
        self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any, status: int, event: str
    ) -> None:
        receiver.status = status
        with capture_logs() as lines:
            happens(group, "stopped")

        assert event in [line["event"] for line in lines]
        assert receiver.address not in str(lines)

    def test_two_workers_send_it_once(self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any) -> None:
        happens(group, "stopped")
        Notice.objects.update(status="waiting", due_at=timezone.now() + timedelta(seconds=60))

        assert not sending.deliver(Notice.objects.get().pk), "another worker has it"
        assert sending.fan_out(Occurrence.objects.get().pk) == 0
        assert len(receiver.got) == 1

    def test_a_redirect_is_not_followed(
        self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any
    ) -> None:
        receiver.status = 302
        happens(group, "stopped")

        assert len(receiver.got) == 1
        assert "redirects (302)" in Notice.objects.get().problem

    @pytest.mark.parametrize(
        "address",
        ["http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "https://localhost:{port}/", "https://[::1]:{port}/"],
    )
    def test_no_host_of_the_inside_is_called(
        self, address: str, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any, settings: Any
    ) -> None:
        settings.PORTAL_WEBHOOK_ALLOW_NETWORKS = []
        assert settings.PORTAL_REGISTRY_ALLOW_NETWORKS, "which is open for something else"
        enter_address(address.format(port=receiver.server_address[1]))

        happens(group, "stopped")

        assert receiver.got == []
        assert "may not connect" in Notice.objects.get().problem

    def test_nobody_there(self, group: ContainerGroup, hook: Any, happens: Any, receiver: Receiver) -> None:
        enter_address("http://127.0.0.1:9/")
        happens(group, "stopped")

        assert "can't be reached" in Notice.objects.get().problem or "may not" in Notice.objects.get().problem

    def test_gone_means_gone(self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any) -> None:
        receiver.status = 410
        happens(group, "stopped")

        row = Webhook.objects.get()
        assert (row.off_because, row.off_since is not None) == ("gone", True)
        assert Notice.objects.get().status == "failed"

    def test_what_fails_for_days_is_switched_off(
        self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any
    ) -> None:
        receiver.status = 500
        Webhook.objects.update(failing_since=timezone.now() - timedelta(days=4))
        happens(group, "stopped")

        assert Webhook.objects.get().off_because == "failing"
        by_portal = recorded(actor_kind="portal")
        detail = "switched off: nothing arrived there for three days"
        assert by_portal == [("Drayage", "notification.changed", receiver.address, detail)]

    def test_switched_off_nothing_is_tried_again(
        self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any, work: Any,
        django_capture_on_commit_callbacks: Any,
    ) -> None:  # fmt: skip
        receiver.status = 500
        happens(group, "stopped")
        assert webhooks.pause(hook[0], by=CONSOLE)

        due_now()
        with django_capture_on_commit_callbacks(execute=True):
            sending.sweep()
        work()

        notice = Notice.objects.get()
        assert (notice.status, notice.problem) == ("failed", "The webhook was switched off")
        assert len(receiver.got) == 1

    def test_a_webhook_that_is_off_gets_nothing_that_is_sent_again(
        self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any
    ) -> None:
        receiver.status = 500
        happens(group, "stopped")
        webhooks.pause(hook[0], by=CONSOLE)
        notice = Notice.objects.get()
        webhooks.send_again(notice, by=CONSOLE)
        due_now()

        assert not sending.deliver(notice.pk)
        notice.refresh_from_db()
        assert (notice.status, notice.problem) == ("failed", "The webhook was switched off")
        assert len(receiver.got) == 1

    def test_a_webhook_that_is_switched_off_during_the_fan_out_gets_nothing(
        self, group: ContainerGroup, hook: Any, receiver: Receiver
    ) -> None:
        move(group, to="stopped")
        sending.fan_out(Occurrence.objects.get().pk)
        Webhook.objects.update(off_since=timezone.now())  # the notice was not there yet to be given up
        due_now()

        assert not sending.deliver(Notice.objects.get().pk)
        assert receiver.got == []

    def test_after_a_rotation_both_secrets_sign_for_a_day(
        self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any
    ) -> None:
        row, old = hook
        new = webhooks.rotate(row, by=CONSOLE)
        assert new is not None
        until = Webhook.objects.get().previous_until
        assert until is not None
        assert abs(until - database_now() - timedelta(hours=24)) < timedelta(minutes=1)
        happens(group, "stopped")
        ((sent, body),) = receiver.got
        assert sent["webhook-signature"].split() == [signature(new, sent, body), signature(old, sent, body)]

        Webhook.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
        happens(group, "deploying")
        happens(group, "running")
        sent, body = receiver.got[-1]
        assert sent["webhook-signature"] == signature(new, sent, body)

    def test_a_rotation_keeps_the_secret_before_it_whatever_the_row_in_hand_says(self, hook: Any) -> None:
        stale, _ = hook
        first, second = webhooks.rotate(stale, by=CONSOLE), webhooks.rotate(stale, by=CONSOLE)

        assert webhooks.secrets_of(Webhook.objects.get()) == [second, first]

    def test_of_a_deleted_webhook_nothing_is_changed_or_recorded(self, hook: Any) -> None:
        row, _ = hook
        occurrence = Occurrence.objects.create(organization=row.organization, kind="test", fanned_out_at=timezone.now())
        notice = Notice.objects.create(
            occurrence=occurrence, webhook=row, due_at=timezone.now(), status=Notice.Status.FAILED
        )
        webhooks.delete(Webhook.objects.get(), by=CONSOLE)
        before = recorded()

        assert webhooks.rotate(row, by=CONSOLE) is None
        assert webhooks.test(row, by=CONSOLE) is None
        assert not webhooks.send_again(notice, by=CONSOLE)

        assert recorded() == before
        assert Occurrence.objects.filter(kind="test").count() == 1

    def test_the_secret_is_nowhere_unencrypted(self, hook: Any) -> None:
        row = Webhook.objects.values().get()
        assert hook[1].removeprefix("whsec_").encode() not in bytes(row["secret"])

    def test_a_lost_wake_up_is_sent_again(
        self, group: ContainerGroup, hook: Any, receiver: Receiver, woken: Any, work: Any,
        django_capture_on_commit_callbacks: Any,
    ) -> None:  # fmt: skip
        move(group, to="stopped")  # nothing is committed, so nobody is woken
        Occurrence.objects.update(created_at=timezone.now() - timedelta(seconds=60))
        woken.clear()

        with django_capture_on_commit_callbacks(execute=True):
            sending.sweep()
        work()

        assert len(receiver.got) == 1

    def test_old_ones_are_forgotten(self, group: ContainerGroup, hook: Any, happens: Any) -> None:
        happens(group, "stopped")
        Occurrence.objects.update(created_at=database_now() - timedelta(days=30, seconds=-60))
        assert sending.sweep()["events_deleted"] == 0
        Occurrence.objects.update(created_at=database_now() - timedelta(days=30, seconds=1))
        assert sending.sweep()["events_deleted"] == 2  # the event with its message

        assert not Notice.objects.exists()


def test_what_a_receiver_says_is_not_read(
    group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "more", {"Content-Encoding": "gzip", "Set-Cookie": "a=b"})
    happens(group, "stopped")

    assert Notice.objects.get().status == "sent"
