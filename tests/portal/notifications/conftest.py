"""A group that bob made, a webhook with a real receiver, and workers that do what they were woken for."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from groups.models import ContainerGroup, Failure
from groups.rules.states import move
from portal.models import Webhook
from portal.notifications import sending, webhooks
from portal.notifications.subscriptions import EVENTS
from registries.foundation.actor import CONSOLE
from registries.foundation.ids import NoticeId, OccurrenceId
from tests.support.actors import acting
from tests.support.pulls import make_group

PAGE = "/o/acme/settings/notifications/"
KINDS = [str(kind.value) for kind in EVENTS]
IMAGE = "registry.example.com/team/app:1.0"


def enter_address(address: str) -> None:
    """Have a member enter this address for every webhook."""
    for row in Webhook.objects.all():
        webhooks.change(row, address=address, by=CONSOLE)


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent, and answers what the test sets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class Handler(BaseHTTPRequestHandler):
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
    monkeypatch.setattr(
        "groups.rules.wakeups.enqueue_job", lambda queue, function, row_id: sent.append((function, row_id))
    )
    return sent


@pytest.fixture
def work(woken: list[tuple[str, str]], django_capture_on_commit_callbacks: Any) -> Any:
    """Do, as a worker does, all that was woken."""
    todo: dict[str, Callable[[str], object]] = {
        "fan_out": lambda text: sending.fan_out(OccurrenceId(uuid.UUID(text))),
        "deliver": lambda text: sending.deliver(NoticeId(uuid.UUID(text))),
    }

    def run() -> None:
        while woken:
            function, row_id = woken.pop(0)
            if function in todo:
                with django_capture_on_commit_callbacks(execute=True):
                    todo[function](row_id)

    return run


@pytest.fixture
def happens(work: Any, django_capture_on_commit_callbacks: Any) -> Any:
    """Move a group, and have workers send the event."""

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
    return make_group(project, IMAGE, name="web", by=acting(bob))


@pytest.fixture
def hook(acme: Any, receiver: Receiver, alice: Any) -> tuple[Webhook, str]:
    return webhooks.add(acme, address=receiver.address, kinds=KINDS, by=acting(alice))
