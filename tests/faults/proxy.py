"""A proxy in front of a registry that does what networks do: resets, stalls, flips a byte, refuses, drips.

It forwards TCP and looks at HTTP no closer than at the first line of each request, so that whatever stands behind it
is reached unchanged. It keeps the time of every request. Faults apply to a request whose path holds `where`:

    with FaultProxy(upstream) as proxy:
        proxy.fault("/blobs/", reset_after=100_000, times=1)
        ...  # pull from proxy.host
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Self

_REQUEST = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE) (\S+) HTTP/1\.1\r\n")
_PIECE = 64 * 1024


@dataclass
class ProxyFault:
    """What happens to the answer of a request, to the first `times` of them or to all. Counts are of bytes as they
    go over the wire, head and body."""

    where: str
    times: int | None = None
    reset_after: int | None = None
    stall_after: int | None = None
    flip_at: int | None = None
    status: int | None = None
    bytes_per_second: int | None = None
    hits: int = 0

    def applies(self, path: str) -> bool:
        return self.where in path and (self.times is None or self.hits < self.times)


@dataclass
class Request:
    """A request as it came by. `at` is the monotonic clock."""

    method: str
    path: str
    at: float
    authorized: bool = False
    ranged: bool = False
    credential: bytes = field(default=b"", repr=False)


@dataclass
class _Course:
    """What a connection is at: the fault of its latest request, and how much of the answer went out."""

    fault: ProxyFault | None = None
    sent: int = 0


class FaultProxy:
    """See the module. `upstream` is `host:port`; change it while it runs to move the registry."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.requests: list[Request] = []
        self.faults: list[ProxyFault] = []
        self.bytes_per_second: int | None = None
        """The rate of every connection that has no fault of its own."""
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, name="fault proxy", daemon=True)
        self._ready = threading.Event()

    def fault(self, where: str, **knobs: Any) -> ProxyFault:
        """Make requests go wrong; newer faults win."""
        made = ProxyFault(where, **knobs)
        self.faults.insert(0, made)
        return made

    def heal(self) -> None:
        """Take all faults back, and cut what still stalls."""
        self.faults.clear()
        self.bytes_per_second = None
        self.cut()

    def cut(self) -> None:
        """Reset every connection that is open."""
        self._loop.call_soon_threadsafe(self._cut)

    def requests_to(self, where: str) -> list[Request]:
        return [request for request in list(self.requests) if where in request.path]

    @property
    def connections(self) -> int:
        """How many connections of clients are open."""
        return len(self._writers)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, sock=self._listener))
        self._ready.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            self._cut()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.close()

    def _cut(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        upstream: asyncio.StreamWriter | None = None
        back: asyncio.Task[None] | None = None
        try:
            host, _, port = self.upstream.partition(":")
            answers, upstream = await asyncio.open_connection(host, int(port))
            course = _Course()
            back = self._loop.create_task(self._answer(answers, writer, course))
            await self._forward(reader, writer, upstream, course)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            if back is not None:
                back.cancel()
                await asyncio.gather(back, return_exceptions=True)
            self._writers.discard(writer)
            for stream in (upstream, writer):
                if stream is not None:
                    stream.close()

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream: asyncio.StreamWriter,
        course: _Course,
    ) -> None:
        """One request after the other: clients of registries don't pipeline."""
        while piece := await reader.read(_PIECE):
            if match := _REQUEST.match(piece):
                course.fault, course.sent = self._note(match, piece), 0
                if course.fault is not None and course.fault.status is not None:
                    head = b"HTTP/1.1 %d Injected\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    writer.write(head % course.fault.status)
                    await writer.drain()
                    break
            upstream.write(piece)
            await upstream.drain()

    def _note(self, match: re.Match[bytes], head: bytes) -> ProxyFault | None:
        path = match[2].decode("latin-1")
        credential = re.search(rb"(?im)^authorization: *(\S+ \S+)", head)
        self.requests.append(
            Request(
                match[1].decode(),
                path,
                time.monotonic(),
                authorized=credential is not None,
                ranged=re.search(rb"(?im)^range:", head) is not None,
                credential=credential[1] if credential else b"",
            )
        )
        for fault in self.faults:
            if fault.applies(path):
                fault.hits += 1
                return fault
        return None

    async def _answer(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter, course: _Course) -> None:
        try:
            while True:
                piece = await answers.read(_PIECE)
                if not piece:
                    break
                if course.fault is not None:
                    piece = await self._spoil(piece, course.sent, writer, course.fault)
                while piece:
                    rate = self._rate(course)
                    part = piece if rate is None else piece[: max(1, rate // 20)]
                    piece = piece[len(part) :]
                    writer.write(part)
                    await writer.drain()
                    course.sent += len(part)
                    if rate is not None:
                        await asyncio.sleep(len(part) / rate)
        except OSError:
            pass
        finally:
            writer.close()  # which ends `_forward` too

    def _rate(self, course: _Course) -> int | None:
        return (course.fault.bytes_per_second if course.fault else None) or self.bytes_per_second

    async def _spoil(self, piece: bytes, sent: int, writer: asyncio.StreamWriter, fault: ProxyFault) -> bytes:
        end = sent + len(piece)
        if fault.flip_at is not None and sent <= fault.flip_at < end:
            spoiled = bytearray(piece)
            spoiled[fault.flip_at - sent] ^= 1
            piece = bytes(spoiled)
        if fault.reset_after is not None and end > fault.reset_after:
            writer.write(piece[: fault.reset_after - sent])
            await writer.drain()
            await asyncio.sleep(0.05)  # what was sent arrives before the reset does
            _reset(writer)
            raise ConnectionResetError
        if fault.stall_after is not None and end > fault.stall_after:
            writer.write(piece[: fault.stall_after - sent])
            await writer.drain()
            await asyncio.Event().wait()
        return piece


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
