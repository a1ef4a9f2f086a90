"""Bodies of responses: how much of one is read, how long it may take, and what becomes of its connection."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from registries.failures import RegistryUnreachable
from registries.oci.address_guard import AddressGuard
from registries.oci.deadline_sockets import DeadlineSocket
from registries.oci.responses import Response
from registries.oci.transport import Session
from tests.support.fakes.registry import FakeRegistry


@pytest.fixture
def session(registry: FakeRegistry, loopback: AddressGuard) -> Iterator[Session]:
    made = Session("registry.example", loopback)
    yield made
    made.close()


def answering(registry: FakeRegistry, session: Session, body: bytes, **knobs: object) -> Response:
    registry.fault("/x", status=200, body=body, **knobs)
    return session.get(f"{registry.url}/x")


@pytest.mark.parametrize("knobs", [{}, {"chunked": True}, {"raw": b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000}])
def test_a_whole_body_is_read_up_to_a_limit(knobs: dict[str, object], registry: FakeRegistry, session: Session) -> None:
    body = b"x" * 1000
    assert answering(registry, session, body, **knobs).read(1000) == body
    assert answering(registry, session, body, **knobs).read(999) is None
    if "raw" not in knobs:
        assert answering(registry, session, b"", **knobs).read(0) == b""


CODINGS = ["gzip", "x-gzip", "identity, gzip", "br", "zstd", "none", "binary", "aws-chunked", ""]


@pytest.mark.parametrize("coding", CODINGS)
def test_what_a_body_is_its_first_bytes_say_and_not_a_header(
    coding: str, registry: FakeRegistry, session: Session
) -> None:
    """moby/moby#17595: bytes that are right, under labels that are not."""
    headers = {"Content-Encoding": coding}
    assert answering(registry, session, b'{"a": 1}', headers=headers).read(100) == b'{"a": 1}'
    packed = gzip.compress(b'{"a": 1}')
    assert answering(registry, session, packed, headers=headers).read(100) == b'{"a": 1}'


def test_a_body_that_is_compressed_has_a_limit_too(registry: FakeRegistry, session: Session) -> None:
    packed = gzip.compress(b"x" * 1000)
    assert answering(registry, session, packed).read(1000) == b"x" * 1000
    assert answering(registry, session, packed).read(999) is None
    assert answering(registry, session, gzip.compress(bytes(2_000_000), 1)).read(1_000_000) is None
    for broken in (packed[:-1], b"\x1f\x8b" + b"x" * 30, b"\x1f\x8b"):
        assert answering(registry, session, broken).read(1000) == broken


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 8193, 200_000])
@pytest.mark.parametrize("buffer_size", [100, 8192, 65536])
def test_a_body_arrives_in_buffers_of_any_size(
    size: int, buffer_size: int, registry: FakeRegistry, session: Session
) -> None:
    body = bytes(number % 251 for number in range(size))
    response = answering(registry, session, body)
    assert response.length == size
    received, buffer = bytearray(), memoryview(bytearray(buffer_size))
    while count := response.readinto1(buffer):
        received += buffer[:count]
        assert response.length == size - len(received)
    assert received == body
    assert response.readinto1(buffer) == 0


def test_a_length_that_was_not_announced_is_not_known(registry: FakeRegistry, session: Session) -> None:
    assert answering(registry, session, b"xyz", chunked=True).length is None
    response = answering(registry, session, b"", raw=b"HTTP/1.1 200 OK\r\n\r\nxyz")
    assert response.length is None
    buffer = memoryview(bytearray(10))
    assert [response.readinto1(buffer) for _ in range(3)] == [3, 0, 0]


def test_a_connection_is_used_again_after_a_whole_body_and_not_after_a_part(
    registry: FakeRegistry, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    really = AddressGuard.connect

    def connect(self: AddressGuard, host: str, port: int, timeout: float | None, *, plain: bool) -> object:
        opened.append(host)
        return really(self, host, port, timeout, plain=plain)

    monkeypatch.setattr(AddressGuard, "connect", connect)
    for knobs in ({}, {"chunked": True}):
        for _ in range(2):
            response = answering(registry, session, b"x" * 10_000, **knobs)
            response.read(10_000)
            response.close()
    assert len(opened) == 1
    for _ in range(2):
        answering(registry, session, b"x" * 10_000_000).read(10)
    assert len(opened) == 2


@pytest.mark.parametrize("chunked", [False, True])
def test_a_short_body_has_a_minute(
    chunked: bool, registry: FakeRegistry, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However steadily it comes: each read of this one takes twenty seconds."""
    now = [time.monotonic()]  # sockets compare deadlines with the real one
    really = Response.readinto1

    def take_time(self: Response, buffer: memoryview) -> int:
        now[0] += 20
        return really(self, buffer[:1])

    monkeypatch.setattr(Response, "readinto1", take_time)
    monkeypatch.setattr("registries.oci.responses.time", SimpleNamespace(monotonic=lambda: now[0]))
    assert answering(registry, session, b"xyz"[:3], chunked=chunked).read(10) == b"xyz"
    with pytest.raises(RegistryUnreachable) as refusal:
        answering(registry, session, b"wxyz", chunked=chunked).read(10)
    assert (refusal.value.raw, refusal.value.params["host"]) == ("timeout", "registry.example")


@pytest.mark.parametrize(
    ("knobs", "raw"),
    [
        ({"truncate_after": 3}, "RemoteEndedEarly"),
        ({"reset_after": 3}, "ConnectionResetError"),
    ],
)
def test_a_body_that_ends_early_is_a_failure(
    knobs: dict[str, object], raw: str, registry: FakeRegistry, session: Session
) -> None:
    response = answering(registry, session, b"x" * 10, **knobs)
    with pytest.raises(RegistryUnreachable) as refusal:
        response.read(10)
    assert (refusal.value.raw, refusal.value.params["host"]) == (raw, "registry.example")
    assert refusal.value.__context__ is None


def test_the_size_of_a_chunk_has_a_minute(
    registry: FakeRegistry, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a line without a limit, which may come byte by byte."""
    now = [time.monotonic()]
    for module in ("responses", "deadline_sockets"):
        monkeypatch.setattr(f"registries.oci.{module}.time", SimpleNamespace(monotonic=lambda: now[0]))
    is_read = threading.Event()

    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n5;"
        is_read.wait(5)
        for _ in range(20):
            now[0] += 20
            yield b"x"
            registry.closing.wait(0.005)
        yield b"\r\nhello\r\n0\r\n\r\n"

    response = answering(registry, session, b"", raw=drip())
    buffer = memoryview(bytearray(10))
    assert response.readinto1(buffer) == 1
    is_read.set()
    with pytest.raises(RegistryUnreachable) as refusal:
        response.readinto1(buffer)
    assert refusal.value.raw == "timeout"


class Wire:
    """What a socket's reads give once the headers are read: a thousand bytes each, which take an eighth of a second,
    and the errors that are listed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.errors: list[OSError | None] = []
        self.counts: list[int] = []
        wire = self

        def recv_into(self: DeadlineSocket, buffer: bytearray, nbytes: int = 0, flags: int = 0) -> int:
            if error := wire.errors.pop(0) if wire.errors else None:
                raise error
            wire.now += 0.125
            wire.counts.append(socket.socket.recv_into(self, memoryview(buffer)[:1000]))
            return wire.counts[-1]

        monkeypatch.setattr(DeadlineSocket, "recv_into", recv_into)
        monkeypatch.setattr("registries.oci.responses.time", SimpleNamespace(monotonic=lambda: self.now))


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


def test_short_reads_are_collected_for_a_quarter_of_a_second(
    wire: Wire, registry: FakeRegistry, session: Session
) -> None:
    response = answering(registry, session, b"x" * 100_000)
    buffer = memoryview(bytearray(10_000))
    while response.length and response.length > 90_000:
        response.readinto1(buffer)  # until the buffer of the headers is empty
    wire.counts.clear()

    assert response.readinto1(buffer) == sum(wire.counts)
    assert len(wire.counts) == 3
    assert response.readinto1(buffer[: wire.counts[0]]) == wire.counts[0]
    assert 0 not in wire.counts, "no more is read than there is room for"


def test_what_arrived_before_an_error_is_handed_out_first(wire: Wire, registry: FakeRegistry, session: Session) -> None:
    response = answering(registry, session, b"x" * 100_000)
    buffer = memoryview(bytearray(10_000))
    response.readinto1(buffer)
    wire.counts.clear()
    wire.errors = [None, TimeoutError(), TimeoutError()]

    assert response.readinto1(buffer) == sum(wire.counts) > 0
    with pytest.raises(RegistryUnreachable) as refusal:
        response.readinto1(buffer)
    assert refusal.value.raw == "timeout"


def test_tls_that_breaks_within_a_body_is_no_lack_of_tls(wire: Wire, registry: FakeRegistry, session: Session) -> None:
    response = answering(registry, session, b"x" * 100_000)
    buffer = memoryview(bytearray(10_000))
    response.readinto1(buffer)
    wire.errors = [ssl.SSLError(1, "[SSL: DECRYPTION_FAILED] decryption failed")]

    with pytest.raises(RegistryUnreachable) as refusal:
        response.readinto1(buffer)
    assert (refusal.value.raw, refusal.value.params["reason"]) == (
        "ConnectionResetError",
        "it broke off the connection",
    )
