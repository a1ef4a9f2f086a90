"""The HTTP server at work, with an application of a few lines and deadlines of tenths of a second."""

from __future__ import annotations

import io
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from waitress.adjustments import Adjustments

from groups.delivery.transfers import Transfer, TransferStopped
from portal.runtime import http_connection, http_server
from portal.runtime.deadlines import Deadlines
from portal.runtime.http_connection import Connection
from portal.runtime.http_requests import TransferBuffer
from portal.runtime.http_server import HttpServer
from tests.support.processes import until

QUICK = Deadlines(idle=0.3, head=0.2, body=0.2, send=0.3, linger=0.2)
HOST = b"Host: localhost\r\n"
LARGE = 30_000_000


class Watched(Transfer):
    """Says when it is over."""

    over: list[int]

    def end(self) -> None:
        self.over.append(self.sent)


class Portal:
    """The server, and what its application saw."""

    def __init__(self, folder: Path, deadlines: Deadlines, threads: int = 2) -> None:
        self.seen: list[dict[str, Any]] = []
        self.over: list[int] = []
        self.waits, self.goes_on = threading.Semaphore(0), threading.Event()
        self._file = folder / "large"
        with self._file.open("wb") as file:
            file.truncate(LARGE)
        self.server = HttpServer(self._respond, ["127.0.0.1:0"], threads=threads, deadlines=deadlines)
        self._thread = threading.Thread(target=self.server.run)
        self._thread.start()

    def _respond(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        self.seen.append(environ | {"body": body})
        path = environ["PATH_INFO"]
        if path == "/fails-with-a-secret":
            raise ValueError("no")
        if path == "/waits":
            self.waits.release()
            self.goes_on.wait(10)
        if path == "/file":
            start("200 OK", [("Content-Length", str(LARGE))])
            transfer = Watched(self._file.open("rb"), 0, LARGE)
            transfer.over = self.over
            result: Iterable[bytes] = environ["wsgi.file_wrapper"](transfer, 65536)
            return result
        if path == "/long":
            start("200 OK", [("Content-Length", str(LARGE))])
            return (bytes(1_000_000) for _ in range(LARGE // 1_000_000))
        start("200 OK", [("Content-Length", "3")])
        return [b"yes"]

    def connect(self, request: bytes = b"") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.server.ports[0]), timeout=5)
        connection.sendall(request)
        return connection

    def ask(self, request: bytes) -> bytes:
        """All that comes until the server closes."""
        with self.connect(request) as connection:
            return rest(connection)

    def close(self) -> None:
        self.goes_on.set()
        self.server.stop()
        self._thread.join()


def rest(connection: socket.socket) -> bytes:
    got = b""
    try:
        while more := connection.recv(1 << 20):
            got += more
    except ConnectionResetError:
        pass
    return got


def get(path: bytes, method: bytes = b"GET", more: bytes = b"") -> bytes:
    return method + b" " + path + b" HTTP/1.1\r\n" + HOST + more + b"\r\n"


@pytest.fixture(autouse=True)
def _checks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "CHECK_SECONDS", 0.02)


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    made = Portal(tmp_path, QUICK)
    yield made
    made.close()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Portal]:
    """With the deadlines of the product."""
    made = Portal(tmp_path, Deadlines(), threads=1)
    yield made
    made.close()


def test_a_connection_serves_many_requests(portal: Portal) -> None:
    with portal.connect() as connection:
        for method, length in ((b"GET", 3), (b"HEAD", 0), (b"GET", 3)):
            connection.sendall(get(b"/", method))
            got = b""
            while not got.endswith(b"yes" if length else b"\r\n\r\n"):
                got += connection.recv(10_000)
            head, _, body = got.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert b"Content-Length: 3" in head
            assert len(body) == length, "a body after HEAD would be the next response's head"
            assert b"Server:" not in head


def test_requests_that_were_sent_ahead_are_not_served(portal: Portal) -> None:
    got = portal.ask(get(b"/") * 50)
    assert got.count(b"HTTP/1.1 200") == 1
    assert b"Connection: close" in got
    assert len(portal.seen) == 1


def test_what_is_known_of_the_client(portal: Portal) -> None:
    portal.ask(
        get(b"/a%20b?c=%00", more=b"X-Forwarded-For: 192.0.2.1\r\nX_Forwarded_For: 6.6.6.6\r\nConnection: close\r\n")
    )
    [seen] = portal.seen
    assert (seen["REMOTE_ADDR"], seen["HTTP_X_FORWARDED_FOR"]) == ("127.0.0.1", "192.0.2.1")
    assert (seen["PATH_INFO"], seen["QUERY_STRING"], seen["wsgi.url_scheme"]) == ("/a b", "c=%00", "http")


@pytest.mark.parametrize(
    "declared",
    [
        b"Content-Length: 400000000\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 5000\r\nExpect: 100-continue\r\n",
    ],
)
def test_a_body_that_is_too_large_is_not_read(portal: Portal, declared: bytes) -> None:
    """The application responds, to a length above the limit."""
    with portal.connect(b"POST /v2/ HTTP/1.1\r\n" + HOST + declared + b"\r\n") as connection:
        if b"Expect" not in declared:
            connection.sendall(b"2710\r\n" + bytes(10_000))
        assert rest(connection).startswith(b"HTTP/1.1 200")
    [seen] = portal.seen
    assert seen["body"] == b""
    assert int(seen["CONTENT_LENGTH"]) > 4096


@pytest.mark.parametrize("sent", [b"2000", b"chunked"])
def test_a_body_within_the_limit_is_read(portal: Portal, sent: bytes) -> None:
    body = b"7d0\r\n" + bytes(2000) + b"\r\n0\r\n\r\n" if sent == b"chunked" else bytes(2000)
    declared = b"Transfer-Encoding: chunked" if sent == b"chunked" else b"Content-Length: 2000"
    portal.ask(b"POST /v2/ HTTP/1.1\r\n" + HOST + b"Connection: close\r\n" + declared + b"\r\n\r\n" + body)
    assert [(seen["body"], seen["CONTENT_LENGTH"]) for seen in portal.seen] == [(bytes(2000), "2000")]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000, b"431"),
        (b"GET / HTTP/1.1\r\nX y: 1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", b"400"),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\n\r\nabcde\r\n0\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 4000, b"400"),
        (b"GET http://[ HTTP/1.1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"1" * 5000 + b"\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: ", b"408"),
        (b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc", b"408"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", b"408"),
    ],
)
def test_a_request_that_never_reaches_the_application(
    portal: Portal, request_: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    got = portal.ask(request_)
    assert got[9:12] == status
    assert b"generated by" not in got
    assert b"X-Content-Type-Options: nosniff\r\n" in got
    assert b"Cache-Control: no-store\r\n" in got
    assert not portal.seen
    assert "Traceback" not in caplog.text
    assert "uncaptured" not in caplog.text


def test_a_request_without_a_body_need_not_wait_for_one(portal: Portal) -> None:
    """waitress took the next head for a part of this one."""
    with portal.connect() as connection:
        for path in (b"/first", b"/second"):
            connection.sendall(get(path, b"POST", more=b"Expect: 100-continue\r\nContent-Length: 0\r\n"))
            got = b""
            while not got.endswith(b"yes"):
                got += connection.recv(10_000)
            assert got.startswith(b"HTTP/1.1 200")
    assert [(seen["PATH_INFO"], seen["HTTP_HOST"]) for seen in portal.seen] == [
        ("/first", "localhost"),
        ("/second", "localhost"),
    ]


@pytest.mark.parametrize("length", [b"1" * 100, b"1" * 5000])
def test_a_length_beyond_all_numbers_does_no_harm(portal: Portal, length: bytes) -> None:
    portal.ask(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: " + length + b"\r\n\r\n")
    assert portal.ask(get(b"/", more=b"Connection: close\r\n")).endswith(b"yes")


@pytest.mark.parametrize("start", [b"", get(b"/")])
def test_an_unused_connection_is_closed(portal: Portal, start: bytes) -> None:
    assert portal.ask(start).count(b"HTTP/1.1") == len(start[:1])


@pytest.mark.parametrize("path", [b"/file", b"/long"])
def test_a_client_that_accepts_nothing_is_cut(portal: Portal, path: bytes) -> None:
    with portal.connect(get(path)):
        until(lambda: not list(portal.server.connections()) and portal.seen, 5)
    if path == b"/file":
        until(lambda: portal.over, 5)
        assert 0 < portal.over[0] < LARGE, "what was not sent is known"


class Transferring:
    """A connection whose client is sent a transfer, and the clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.closed, self._patch = 1000.0, False, monkeypatch
        clock = SimpleNamespace(monotonic=lambda: self.now, time=lambda: self.now)
        monkeypatch.setattr(http_connection, "time", clock)
        server: Any = SimpleNamespace(
            deadlines=Deadlines(), transfers=SimpleNamespace(add_task=lambda task: None), pull_trigger=lambda: None,
            is_ending=False, active_channels={},
        )  # fmt: skip
        ours, self._client = socket.socketpair()
        self.connection = Connection(server, ours, ("127.0.0.1", 1), Adjustments(), map={})
        self.buffer = TransferBuffer(Transfer(io.BytesIO(bytes(LARGE)), 0, LARGE))
        self.buffer.prepare()
        self.connection.outbufs.append(self.buffer)
        self.connection.total_outbufs_len = LARGE
        monkeypatch.setattr(self.connection, "handle_close", self._close)

    def turn(self, sent: int, *, client: float, ours: float) -> None:
        """The client accepts nothing for some seconds, and then some bytes, which takes us some seconds. There is a
        check before and during the transfer."""

        def send_to(socket: object) -> int:
            self.now += ours
            self.connection.check_deadline(self.now)
            return sent if first.pop() else 0

        first = [False, True]
        self.now += client
        self.connection.check_deadline(self.now)
        self._patch.setattr(self.buffer.transfer, "send_to", send_to)
        self.connection.send(self.buffer)
        while self.connection.is_transferring:
            self.connection.send_transfer(self.buffer)

    def _close(self) -> None:
        self.closed = True

    def close(self) -> None:
        self._client.close()
        self.connection.socket.close()


@pytest.fixture
def transferring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Transferring]:
    made = Transferring(monkeypatch)
    yield made
    made.close()


def test_a_client_that_accepts_a_little_at_each_check_is_cut(transferring: Transferring) -> None:
    for _ in range(40):
        transferring.turn(1000, client=1, ours=0.001)
    assert transferring.closed


@pytest.mark.parametrize(("client", "ours"), [(1, 0.001), (1, 9), (0.01, 100)])
def test_a_client_that_is_fast_enough_is_not(transferring: Transferring, client: float, ours: float) -> None:
    """However slow our disk is."""
    for _ in range(100):
        transferring.turn(33_000, client=client, ours=ours)
    assert not transferring.closed
    assert transferring.connection.slow_send_rate(transferring.now) is None


def test_a_client_that_becomes_slow_is_cut(transferring: Transferring) -> None:
    for _ in range(100):
        transferring.turn(100_000, client=1, ours=1)
    assert not transferring.closed
    for _ in range(70):
        transferring.turn(1000, client=1, ours=1)
    assert transferring.closed


def test_a_client_that_reads_gets_all(portal: Portal) -> None:
    with portal.connect(get(b"/file")) as connection:
        left = LARGE
        while left > 0:
            left -= len(connection.recv(1 << 20))
        until(lambda: portal.over, 5)
        assert portal.over == [LARGE]


def test_slow_readers_take_no_thread(patient: Portal) -> None:
    """There is one thread for all."""
    slow = [patient.connect(get(b"/file")) for _ in range(30)]
    until(lambda: len(patient.seen) == 30, 5)
    assert patient.ask(get(b"/", more=b"Connection: close\r\n")).endswith(b"yes")
    for connection in slow:
        connection.close()
    until(lambda: len(patient.over) == 30, 5)
    assert all(sent < LARGE for sent in patient.over)


def test_a_request_whose_client_left_is_dropped(patient: Portal) -> None:
    first = patient.connect(get(b"/waits"))
    patient.waits.acquire()
    others = [patient.connect(get(b"/?left")) for _ in range(20)]
    for connection in others:
        until(lambda: len(patient.server.tasks.queue), 5)
        connection.close()
    until(lambda: len(list(patient.server.connections())) == 1, 5)
    patient.goes_on.set()
    assert first.recv(10)
    first.close()
    assert patient.ask(get(b"/", more=b"Connection: close\r\n")).endswith(b"yes")
    assert [seen["QUERY_STRING"] for seen in patient.seen] == ["", ""]


def test_a_transfer_that_stops_closes_the_connection(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(transfer: Transfer, *, is_last: bool) -> None:
        if transfer.sent:
            raise TransferStopped("over")

    monkeypatch.setattr(Transfer, "begin_piece", stop)
    got = portal.ask(get(b"/file"))
    assert got.startswith(b"HTTP/1.1 200")
    assert len(got) < LARGE
    assert len(portal.over) == 1


def test_a_failure_of_the_application_names_no_path(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert portal.ask(get(b"/fails-with-a-secret")).startswith(b"HTTP/1.1 500")
    assert "fails-with-a-secret" not in caplog.text
    assert "response_failed" in caplog.text


def test_connections_beyond_the_limit_take_the_place_of_those_that_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "MIN_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(http_server, "CHECK_SECONDS_IF_FULL", 0.02)
    made = Portal(tmp_path, Deadlines())
    made.server.max_connections = made.server.adjustments.connection_limit = 20
    slow = [made.connect(b"GET /") for _ in range(100)]
    assert made.ask(get(b"/", more=b"Connection: close\r\n")).endswith(b"yes")
    for connection in slow:
        connection.close()
    made.close()


def test_connections_that_accept_slowly_make_room_if_there_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "SLOW_AFTER_SECONDS", 0.1)
    monkeypatch.setattr(http_server, "CHECK_SECONDS_IF_FULL", 0.02)
    made = Portal(tmp_path, Deadlines())
    made.server.max_connections = made.server.adjustments.connection_limit = 20
    slow = [made.connect(get(b"/file")) for _ in range(40)]
    assert made.ask(get(b"/", more=b"Connection: close\r\n")).endswith(b"yes")
    for connection in slow:
        connection.close()
    made.close()


def test_turns_go_by_what_a_client_can_not_choose(patient: Portal, settings: LazySettings) -> None:
    settings.PORTAL_TRUSTED_PROXIES = [ip_network("127.0.0.1")]
    first = patient.connect(get(b"/waits"))
    patient.waits.acquire()
    strangers: list[socket.socket] = []
    for number in range(10):
        says = f"X-Forwarded-For: 10.0.0.{number}, 2001:db8::{number}\r\nAuthorization: Bearer {number}\r\n"
        strangers.append(patient.connect(get(b"/?stranger", more=says.encode())))
    until(lambda: len(patient.server.tasks.queue) == 10, 5)
    member = patient.connect(get(b"/?member", more=b"X-Forwarded-For: 192.0.2.1\r\n"))
    until(lambda: len(patient.server.tasks.queue) == 11, 5)
    patient.goes_on.set()
    until(lambda: len(patient.seen) == 12, 5)
    assert [seen["QUERY_STRING"] for seen in patient.seen][:4] == ["", "stranger", "member", "stranger"]
    for connection in (first, member, *strangers):
        connection.close()


def test_who_fills_the_room_for_bodies_makes_some_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    settings.PORTAL_TRUSTED_PROXIES = [ip_network("127.0.0.1")]
    monkeypatch.setattr(http_server, "MAX_BODIES_BYTES", 400_000)
    made = Portal(tmp_path, Deadlines())

    def start(address: str) -> bytes:
        forwarded = f"X-Forwarded-For: {address}\r\nContent-Length: 200000\r\nConnection: close\r\n\r\n"
        return b"POST /o/acme/ HTTP/1.1\r\n" + HOST + forwarded.encode() + bytes(190_000)

    held = [made.connect(start("192.0.2.6")) for _ in range(2)]
    until(lambda: sum(connection.body_bytes for connection in made.server.connections()) == 380_000, 5)
    assert made.ask(start("192.0.2.1") + bytes(10_000))[9:12] == b"200"
    assert [len(seen["body"]) for seen in made.seen] == [200_000]
    until(lambda: sum(connection.body_bytes for connection in made.server.connections()) == 190_000, 5)
    for connection in held:
        connection.close()
    made.close()


def test_bodies_have_a_limit_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MAX_BODIES_BYTES", 220_000)
    made = Portal(tmp_path, Deadlines())
    start = b"POST /o/acme/ HTTP/1.1\r\n" + HOST + b"Content-Length: 200000\r\n\r\n" + bytes(190_000)
    held = [made.connect(start)]
    until(lambda: sum(connection.body_bytes for connection in made.server.connections()) == 190_000, 5)
    assert made.ask(start)[9:12] == b"503"
    held[0].sendall(bytes(10_000))
    assert held[0].recv(100)[9:12] == b"200"
    held[0].close()
    made.close()


def test_many_small_bodies_have_the_same_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MAX_BODIES_BYTES", 300_000)
    made = Portal(tmp_path, Deadlines())
    start = b"POST /o/acme/ HTTP/1.1\r\n" + HOST + b"Content-Length: 15000\r\n\r\n" + bytes(14_000)
    held = [made.connect(start) for _ in range(60)]
    until(lambda: len(list(made.server.connections())) < 60, 5)
    most = 300_000 + 3 * 64 * 1024
    until(lambda: sum(connection.body_bytes for connection in made.server.connections()) <= most, 5)
    for connection in held:
        connection.close()
    made.close()


def test_it_stops_and_gives_back_what_it_did_not_send(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Portal(tmp_path, Deadlines())
    port = made.server.ports[0]
    slow = [made.connect(get(b"/file")), made.connect(b"GET /"), made.connect()]
    until(lambda: made.seen, 5)
    working = made.connect(get(b"/waits"))
    made.waits.acquire()
    ending = threading.Thread(target=made.close)
    ending.start()
    assert working.recv(100)[9:12] == b"200", "what is in progress is completed"
    ending.join(5)
    assert [0 < sent < LARGE for sent in made.over] == [True]
    socket.create_server(("127.0.0.1", port)).close()
    for connection in (*slow, working):
        connection.close()


def test_files_limit_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    assert http_server._connections_for(1024) == 412
    assert http_server._connections_for(100) == 50
    assert http_server._raise_file_limit() >= min(1024, os.sysconf("SC_OPEN_MAX"))
