"""HTTP requests at a rate or as fast as they are answered, over connections that are kept, and how long each took."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

LIFE_SECONDS = 55
_ES256 = ec.ECDSA(SHA256())


@dataclass
class Took:
    """Seconds of each request, from when it was due; the wall clock of all; the answers' statuses."""

    seconds: list[float] = field(default_factory=list)
    wall: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)

    def percentile(self, part: float) -> float:
        """So much of them took no longer."""
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)]

    def check(self, status: int = 200) -> None:
        """Raise unless each request was answered with this status."""
        if set(self.statuses) != {status}:
            raise RuntimeError(f"answers by status: {self.statuses}")


def poll(
    host: str, node: str, key: ec.EllipticCurvePrivateKey, instances: Sequence[dict[str, Any]] = (), cpu: int = 8
) -> bytes:
    """A signed poll, good for a minute."""
    claims = {"iss": node, "sub": node, "aud": f"http://{host}", "jti": uuid.uuid4().hex}
    claims_json = json.dumps(claims | {"exp": int(time.time()) + LIFE_SECONDS}).encode()
    signed = _part(b'{"alg":"ES256"}') + "." + _part(claims_json)
    r, s = decode_dss_signature(key.sign(signed.encode(), _ES256))
    token = f"{signed}.{_part(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
    body = json.dumps({"capacity": {"cpu": cpu, "memory_mb": 32768, "gpu": ""}, "instances": list(instances)}).encode()
    head = f"POST /node/v1/poll HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def get(host: str, path: str, authorization: str) -> bytes:
    """A GET."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization}\r\n\r\n".encode()


def watch(host: str, path: str, cookie: str, mark: str) -> bytes:
    """The request of a watched page, as htmx sends it for somebody who is signed in."""
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nHX-Request: true\r\n"
    return f'{head}If-None-Match: "{mark}"\r\n\r\n'.encode()


def as_fast_as_answered(host: str, requests: Iterable[bytes], connections: int, seconds: float = 60) -> Took:
    """Send the requests, each connection the next one as soon as it is free, until all are sent or the time is over."""
    waiting, took = deque(requests), Took()

    async def work() -> None:
        connection, end = Connection(host), time.monotonic() + seconds
        while waiting and time.monotonic() < end:
            began = time.monotonic()
            await _send(connection, waiting.popleft(), began, took)
        connection.close()

    return _timed(took, lambda: asyncio.gather(*(work() for _ in range(connections))))


def at_a_rate(host: str, requests: Sequence[bytes], rate: float, connections: int) -> Took:
    """Send `rate` requests a second, whether answers come or not; a request that waits for a connection is late."""
    took, free = Took(), [Connection(host) for _ in range(connections)]

    async def one(due: float, request: bytes, room: asyncio.Semaphore) -> None:
        await asyncio.sleep(max(due - time.monotonic(), 0))
        async with room:
            connection = free.pop()
            try:
                await _send(connection, request, due, took)
            finally:
                free.append(connection)

    async def all_of_them() -> None:
        room, began = asyncio.Semaphore(connections), time.monotonic() + 0.1
        await asyncio.gather(*(one(began + number / rate, request, room) for number, request in enumerate(requests)))
        for connection in free:
            connection.close()

    return _timed(took, all_of_them)


def body_of(host: str, request: bytes) -> bytes:
    """Send one request; return the body of its answer, which must be good."""

    async def ask() -> tuple[int, bytes]:
        connection = Connection(host)
        try:
            return await connection.ask(request)
        finally:
            connection.close()

    status, body = asyncio.run(ask())
    if status != 200:
        raise RuntimeError(f"answered with {status}")
    return body


class Connection:
    """One connection, opened when it is needed and kept."""

    def __init__(self, host: str) -> None:
        self._host, _, self._port = host.partition(":")
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send; return status and body."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, int(self._port))
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if b"connection: close" in head:
            self.close()
        return int(head[9:12]), body

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


async def _send(connection: Connection, request: bytes, began: float, took: Took) -> None:
    status, _ = await connection.ask(request)
    took.seconds.append(time.monotonic() - began)
    took.statuses[status] = took.statuses.get(status, 0) + 1


def _timed(took: Took, work: Any) -> Took:
    async def run() -> None:
        await work()

    began = time.monotonic()
    asyncio.run(run())
    took.wall = time.monotonic() - began
    return took


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
