"""Who hears of what, by mail and by webhooks: real messages to a real receiver, signed, tried again, and never to a
host that is not allowed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.module_loading import import_string

from groups.delivery import ledger
from groups.models import ContainerGroup, Failure, NodeToken, Occurrence
from groups.states import Stale, move
from portal.models import Activity, EmailChoice, Notice, Webhook
from portal.notifications import jobs, sending, webhooks
from portal.notifications.choices import TOLD
from tests.admin_rows import make_rows
from tests.groups.pulls import make_group

PAGE = "/o/acme/settings/notifications/"
KINDS = [str(kind.value) for kind in TOLD]
IMAGE = "registry.example.com/team/app:1.0"


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent, and answers as told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    more: ClassVar[dict[str, str]] = {}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", self.server.address)
        for name, value in self.more.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Jobs that a worker was woken for."""
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr("groups.wakeups._enqueue", lambda queue, function, row_id: sent.append((function, row_id)))
    return sent


@pytest.fixture
def work(woken: list[tuple[str, str]], django_capture_on_commit_callbacks: Any) -> Any:
    """Do, as a worker does, all that was woken."""
    todo: dict[str, Any] = {f"{jobs.__name__}.{work.__name__}": work for work in (sending.tell, sending.deliver)}

    def run() -> None:
        while woken:
            function, row_id = woken.pop(0)
            if function in todo:
                with django_capture_on_commit_callbacks(execute=True):
                    todo[function](uuid.UUID(row_id))

    return run


@pytest.fixture
def happens(work: Any, django_capture_on_commit_callbacks: Any) -> Any:
    """Move a group, and have workers tell of it."""

    def run(group: ContainerGroup, status: str, *, failure: bool = False) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            if failure:
                Failure.objects.create(
                    organization_id=group.organization_id, group=group, group_name=group.name, reference=IMAGE,
                    registry="registry.example.com", step="manifest", code="image_not_found",
                    params={"host": "registry.example.com"},
                )  # fmt: skip
            move(group, to=status)
        work()

    return run


@pytest.fixture
def group(project: Any, bob: Any) -> ContainerGroup:
    """A group that bob made."""
    return make_group(project, IMAGE, name="web", created_by_id=bob.pk)


@pytest.fixture
def hook(acme: Any, receiver: Receiver, alice: Any) -> tuple[Webhook, str]:
    return webhooks.add(acme, address=receiver.address, kinds=KINDS, created_by=alice)


@pytest.fixture
def member(bob: Any, as_user: Any) -> Client:
    client: Client = as_user(bob)
    return client


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

    def test_ready_and_running(self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any) -> None:
        happens(group, "stopped")
        happens(group, "deploying")
        happens(group, "running")

        assert [json.loads(body)["type"] for _, body in receiver.got] == ["group.ready", "group.running"]

    def test_only_what_was_chosen_and_only_of_ones_own_organization(
        self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any, mallory: Any
    ) -> None:
        Webhook.objects.update(kinds=["group.failed"])
        webhooks.add(mallory.organizations.get(), address=receiver.address, kinds=KINDS, created_by=mallory)

        happens(group, "stopped")

        assert receiver.got == []
        assert not Notice.objects.exists()

    def test_a_move_that_lost_tells_nothing(self, group: ContainerGroup, hook: Any) -> None:
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

        for _ in sending.PAUSES:
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
            assert webhooks.send_again(notice)
        work()
        notice.refresh_from_db()
        assert notice.status == "sent"
        assert Webhook.objects.get().failing_since is None

    def test_two_workers_send_it_once(self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any) -> None:
        happens(group, "stopped")
        Notice.objects.update(status="waiting", due_at=timezone.now() + timedelta(seconds=60))

        assert not sending.deliver(Notice.objects.get().pk), "another worker has it"
        assert sending.tell(Occurrence.objects.get().pk) == 0
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
        settings.PORTAL_REGISTRY_ALLOW_NETWORKS = []
        Webhook.objects.update(address=address.format(port=receiver.server_address[1]))

        happens(group, "stopped")

        assert receiver.got == []
        assert "may not connect" in Notice.objects.get().problem

    def test_nobody_there(self, group: ContainerGroup, hook: Any, happens: Any, receiver: Receiver) -> None:
        Webhook.objects.update(address="http://127.0.0.1:9/")
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

    def test_after_a_rotation_both_secrets_sign_for_a_day(
        self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any
    ) -> None:
        row, old = hook
        new = webhooks.rotate(row)
        happens(group, "stopped")
        ((sent, body),) = receiver.got
        assert sent["webhook-signature"].split() == [signature(new, sent, body), signature(old, sent, body)]

        Webhook.objects.update(previous_until=timezone.now())
        happens(group, "deploying")
        happens(group, "running")
        sent, body = receiver.got[-1]
        assert sent["webhook-signature"] == signature(new, sent, body)

    def test_the_secret_stands_nowhere_in_clear(self, hook: Any) -> None:
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
        Occurrence.objects.update(created_at=timezone.now() - timedelta(days=31))
        sending.sweep()

        assert not Notice.objects.exists()


class TestReplays:
    def test_a_used_token_that_comes_again_is_told_of_once_an_hour(
        self, acme: Any, alice: Any, hook: Any, receiver: Receiver, work: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        token = make_rows(acme, alice)[NodeToken]
        for _ in range(3):
            with django_capture_on_commit_callbacks(execute=True):
                ledger.refused(token, "someone", "192.0.2.1", ledger.Reason.REPLAYED)
        work()

        ((_, body),) = [got for got in receiver.got if b"replay" in got[1]]
        message = json.loads(body)
        assert message["type"] == "group.replay_refused"
        assert message["data"]["group"] == token.group_name

    def test_a_token_that_ran_out_is_no_replay(self, acme: Any, alice: Any) -> None:
        token = make_rows(acme, alice)[NodeToken]
        ledger.refused(token, "someone", "192.0.2.1", ledger.Reason.EXPIRED)

        assert not Occurrence.objects.filter(kind="group.replay_refused").exists()


class TestMail:
    @pytest.fixture(autouse=True)
    def _sends(self, settings: Any) -> None:
        settings.PORTAL_SENDS_MAIL = True

    def test_who_made_the_group_hears_of_its_failure(
        self, group: ContainerGroup, happens: Any, bob: Any, carol: Any
    ) -> None:
        happens(group, "failed", failure=True)

        (sent,) = mail.outbox
        failure = Failure.objects.get()
        assert sent.to == [bob.email]
        assert failure.words.title in sent.subject
        assert failure.words.remedy in str(sent.body)
        assert f"/failures/{failure.pk}/" in str(sent.body)
        assert PAGE in str(sent.body)

    def test_as_each_chose(self, group: ContainerGroup, happens: Any, member: Client, carol: Any, as_user: Any) -> None:
        nothing = dict.fromkeys(("failed", "ready", "running", "replay_refused"), "no")
        assert member.post(PAGE, nothing).status_code == 302
        as_user(carol).post(PAGE, nothing | {"ready": "all"})
        as_user(group.organization.memberships.get(role="owner").user).post(PAGE, nothing | {"ready": "mine"})

        happens(group, "stopped")

        assert [sent.to for sent in mail.outbox] == [[carol.email]]
        assert "ready" in mail.outbox[0].subject

    def test_not_over_and_over(self, group: ContainerGroup, happens: Any, bob: Any, acme: Any) -> None:
        EmailChoice.objects.create(organization=acme, user=bob, wanted={"group.running": "all"})
        happens(group, "deploying")
        for _ in range(3):
            happens(group, "running")
            happens(group, "deploying")

        assert len(mail.outbox) == 1

    def test_whoever_left_hears_nothing(self, group: ContainerGroup, happens: Any, bob: Any, acme: Any) -> None:
        acme.memberships.filter(user=bob).delete()
        happens(group, "failed", failure=True)

        assert mail.outbox == []


class TestPages:
    def test_a_webhook_is_added_and_its_secret_shown_once(self, member: Client, acme: Any) -> None:
        page = member.post(f"{PAGE}webhooks/", {"address": "https://hooks.example.com/x", "kinds": ["group.failed"]})

        row = Webhook.objects.get()
        (secret,) = webhooks.secrets_of(row)
        assert secret in page.text
        detail = f"{PAGE}webhooks/{row.pk}/"
        assert secret not in member.get(detail).text
        assert secret not in member.get(PAGE).text
        again = member.post(f"{detail}rotate/")
        row.refresh_from_db()
        assert webhooks.secrets_of(row)[0] in again.text
        assert secret not in str(list(Activity.objects.values()))

    @pytest.mark.parametrize(
        "address",
        [
            "", "hooks.example.com", "http://hooks.example.com/", "ftp://hooks.example.com/", "https://",
            "https://user:password@hooks.example.com/", "https://10.0.0.1/", "https://localhost/", "https://a.internal/",
            "https://hooks.example.com:22/", "https://hooks.example.com:x/", "https://ex ample.com/", "https://2130706433/",
            "https://hooks.example.com/" + "x" * 500, "https://h\u00f6oks.example/", "javascript:alert(1)",
        ],
    )  # fmt: skip
    def test_addresses_that_can_not_be(self, member: Client, acme: Any, settings: Any, address: str) -> None:
        settings.PORTAL_REGISTRY_ALLOW_NETWORKS = []
        answer = member.post(f"{PAGE}webhooks/", {"address": address, "kinds": ["group.failed"]})

        assert answer.status_code == 422
        assert not Webhook.objects.exists()

    def test_not_more_than_ten(self, member: Client, acme: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(webhooks, "MOST_WEBHOOKS", 0)
        answer = member.post(f"{PAGE}webhooks/", {"address": "https://hooks.example.com/", "kinds": ["group.failed"]})

        assert "Delete one first" in answer.text

    def test_pause_test_and_delete(
        self, member: Client, hook: Any, receiver: Receiver, group: ContainerGroup, happens: Any, work: Any,
        django_capture_on_commit_callbacks: Any,
    ) -> None:  # fmt: skip
        detail = f"{PAGE}webhooks/{hook[0].pk}/"
        with django_capture_on_commit_callbacks(execute=True):
            member.post(f"{detail}test/")
        work()
        assert json.loads(receiver.got[0][1])["type"] == "test"
        assert "Arrived" in member.get(f"{detail}log/").text

        member.post(f"{detail}switch/")
        happens(group, "stopped")
        assert len(receiver.got) == 1
        assert "a member paused it" in member.get(detail).text
        member.post(f"{detail}switch/")
        assert Webhook.objects.get().off_since is None

        member.post(f"{detail}delete/")
        assert not Webhook.objects.exists()

    def test_a_viewer_chooses_mails_and_no_more(self, carol: Any, as_user: Any, hook: Any) -> None:
        page = as_user(carol).get(PAGE)

        assert page.status_code == 200
        assert "Add a webhook" not in page.text
        assert as_user(carol).get(f"{PAGE}webhooks/{hook[0].pk}/").status_code == 403

    def test_an_odd_choice(self, member: Client) -> None:
        assert member.post(PAGE, {"failed": "everything"}).status_code == 422


@pytest.mark.django_db(transaction=True)
def test_jobs_are_where_they_are_sent_and_never_raise(project: Any, woken: list[tuple[str, str]]) -> None:
    move(make_group(project, IMAGE), to="stopped")
    ((name, occurrence),) = [job for job in woken if job[0].startswith("portal.")]

    import_string(name)(occurrence)
    assert Occurrence.objects.get().told_at is not None
    for odd in ("", "x", str(uuid.uuid4())):
        jobs.tell(odd)
        jobs.deliver(odd)


def test_a_log_costs_the_same_with_more_in_it(member: Client, hook: Any, acme: Any) -> None:
    def cost() -> list[int]:
        counts = []
        for address in (PAGE, f"{PAGE}webhooks/{hook[0].pk}/"):
            with CaptureQueriesContext(connection) as queries:
                assert member.get(address).status_code == 200
            counts.append(len(queries))
        return counts

    webhooks.test(hook[0])
    few = cost()
    for _ in range(4):
        webhooks.test(hook[0])
    webhooks.add(acme, address="https://hooks.example.com/", kinds=KINDS, created_by=None)
    assert cost() == few


def test_what_a_receiver_says_is_not_read(
    group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Handler, "more", {"Content-Encoding": "gzip", "Set-Cookie": "a=b"})
    happens(group, "stopped")

    assert Notice.objects.get().status == "sent"
