from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from registries.failures import DigestMismatch, PullFailed, RegistryUnreachable
from registries.oci.timeouts import Timeouts
from registries.oci.verifying_reader import VerifyingReader

BODY = bytes(range(256)) * 40

NOWHERE = {"host": "", "service": "registry", "met": ""}
"""Where a stream without an address comes from."""


class Pieces:
    """A stream that hands out one piece a read, and raises where a piece is a failure."""

    def __init__(self, *pieces: bytes | PullFailed) -> None:
        self.pieces: Iterator[bytes | PullFailed] = iter(pieces)
        self.rest = b""
        self.closed = False
        self.ends = 0

    def readinto1(self, buffer: memoryview) -> int:
        piece = self.rest or next(self.pieces, b"")
        self.ends += not piece
        assert self.ends < 5, "nothing comes after the end"
        if isinstance(piece, PullFailed):
            raise piece
        count = min(len(piece), len(buffer))
        buffer[:count] = piece[:count]
        self.rest = piece[count:]
        return count

    def close(self) -> None:
        self.closed = True


def reader(stream: Pieces, body: bytes = BODY, **more: object) -> VerifyingReader:
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    return VerifyingReader(stream, digest=digest, size=len(body), what="layer 1", **more)  # type: ignore[arg-type]


def drain(source: VerifyingReader, size: int = 1000, into: bytearray | None = None) -> bytes:
    """Read to the end; `into` keeps what came before a failure."""
    received = bytearray() if into is None else into
    buffer = bytearray(size)
    while count := source.readinto(buffer):
        received += buffer[:count]
    return bytes(received)


@pytest.mark.parametrize("size", [1, 7, 1000, len(BODY), len(BODY) + 1])
def test_fills_buffers_of_any_size(size: int) -> None:
    stream = Pieces(BODY[:3000], BODY[3000:3001], BODY[3001:])
    with reader(stream) as source:
        assert drain(source, size) == BODY
        assert source.received == len(BODY)
        assert source.readinto(bytearray(1)) == 0
        assert stream.ends == 1, "what is verified is not read again"


def test_an_empty_blob() -> None:
    assert drain(reader(Pieces(), b"")) == b""
    with pytest.raises(DigestMismatch):
        drain(reader(Pieces(b"x"), b""))


@pytest.mark.parametrize(
    ("sent", "raw"),
    [
        (BODY[:-1], "short"),
        (b"", "short"),
        (BODY + b"x", "long"),
        (BODY[:-1] + b"x", "digest"),
        (b"x" + BODY[1:], "digest"),
    ],
    ids=["short", "none", "long", "end", "start"],
)
@pytest.mark.parametrize("size", [100, 100_000])
def test_the_last_bytes_are_not_handed_out_when_it_does_not_agree(sent: bytes, raw: str, size: int) -> None:
    stream = Pieces(sent)
    source = reader(stream)
    received = bytearray()
    with pytest.raises(DigestMismatch) as refusal:
        drain(source, size, received)
    assert len(received) == source.received < len(BODY)
    assert stream.closed
    assert (refusal.value.params, refusal.value.raw) == ({"what": "layer 1", **NOWHERE}, raw)
    with pytest.raises(DigestMismatch):
        source.readinto(bytearray(1))


def test_bytes_before_a_break_are_handed_out_and_resumed_from() -> None:
    broken = reader(Pieces(BODY[:2500], RegistryUnreachable(reason="broke off")))
    received = bytearray()
    with pytest.raises(RegistryUnreachable):
        drain(broken, 1000, received)
    assert len(received) == broken.received == 2500
    resumed = reader(Pieces(BODY[2500:]), received=2500, digest_so_far=broken.digest_so_far)
    assert received + drain(resumed) == BODY
    again = reader(Pieces(BODY), received=2500, digest_so_far=broken.digest_so_far, skip=2500)
    assert received + drain(again) == BODY


def test_a_break_right_at_the_end_can_be_resumed_from() -> None:
    broken = reader(Pieces(BODY, RegistryUnreachable(reason="broke off")))
    received = bytearray()
    with pytest.raises(RegistryUnreachable):
        drain(broken, 1000, received)
    assert len(received) == broken.received < len(BODY)
    rest = Pieces(BODY[broken.received :])
    resumed = reader(rest, received=broken.received, digest_so_far=broken.digest_so_far)
    assert bytes(received) + drain(resumed) == BODY


def test_a_resumed_body_that_differs_is_refused() -> None:
    with pytest.raises(DigestMismatch):
        drain(reader(Pieces(BODY[2500:]), received=2500, digest_so_far=hashlib.sha256(b"something else")))


def test_a_repeated_body_that_ends_before_what_is_missing_is_refused() -> None:
    stream = Pieces(BODY[:2499])
    with pytest.raises(DigestMismatch) as refusal:
        drain(reader(stream, received=2500, digest_so_far=hashlib.sha256(BODY[:2500]), skip=2500))
    assert (refusal.value.raw, stream.closed) == ("short", True)


def test_a_body_that_drips_is_given_up() -> None:
    stream = Pieces(*[bytes([byte]) for byte in BODY])
    with pytest.raises(RegistryUnreachable) as refusal:
        drain(reader(stream, timeouts=Timeouts(rate=10**12, rate_window=0.0)))
    assert refusal.value.raw == "slow"
    assert stream.closed


class Slow:
    """A stream that gives some bytes a second, by a clock of its own; the rates change every ten seconds."""

    def __init__(self, *rates: int) -> None:
        self.rates = rates
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    @property
    def rate(self) -> int:
        return self.rates[min(int(self.now / 10), len(self.rates) - 1)]

    def readinto1(self, buffer: memoryview) -> int:
        count = min(self.rate, len(buffer))
        self.now += 1
        return count

    def close(self) -> None:
        pass


def read_slowly(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> VerifyingReader:
    monkeypatch.setattr("registries.oci.verifying_reader.time", slow)
    return VerifyingReader(slow, digest="sha256:x", size=10**9, what="layer 1", host="registry.example")


@pytest.mark.parametrize(
    ("rates", "given_up_after"),
    [
        ((8000,), None),
        ((7999,), 30),
        ((1, 1, 24_000, 8000), None),  # the mean of half a minute counts
        ((100_000, 100_000, 100_000, 1000), 60),  # of each half minute
        ((8000, 8000, 7999), 30),
    ],
)
def test_eight_kilobytes_a_second_are_the_least(
    rates: tuple[int, ...], given_up_after: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(*rates)
    source = read_slowly(slow, monkeypatch)
    gave_up_after = None
    try:
        for _ in range(90):
            source.readinto(bytearray(slow.rate))
    except RegistryUnreachable as failure:
        gave_up_after = slow.now if failure.raw == "slow" else -1
    assert gave_up_after == given_up_after


def test_a_byte_less_than_that_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(8000)
    source = read_slowly(slow, monkeypatch)
    for _ in range(29):
        source.readinto(bytearray(8000))
    slow.rates = (7999,)
    with pytest.raises(RegistryUnreachable):
        source.readinto(bytearray(8000))


def test_only_the_time_of_reading_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(9000)
    source = read_slowly(slow, monkeypatch)
    for _ in range(90):
        source.readinto(bytearray(9000))
        slow.now += 100  # the store takes its time


def test_an_empty_buffer_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="empty buffer"):
        reader(Pieces(BODY)).readinto(bytearray())
