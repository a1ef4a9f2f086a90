"""A client's connection at the portal's server: its deadlines, and long bodies that are sent without a thread waiting.

All methods run in the thread that watches the sockets, except `send_transfer` and `write_soon`.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Protocol

import structlog
from django.conf import settings
from waitress.channel import HTTPChannel
from waitress.utilities import Error

from portal.http.client_address import ProxyHeader, client_of, newest_hop, share_of
from portal.runtime.deadlines import Deadlines, Stage, StageClock
from portal.runtime.http_requests import (
    RefusalTask,
    Request,
    RequestTask,
    RequestTimeout,
    ServerBusy,
)
from portal.runtime.transfer_buffers import TransferBuffer, TransferTask, close_quietly

TURN_SECONDS = 0.05
"""How long a thread sends to a fast client before it serves others."""
MAX_DISCARDED_BYTES = 256 * 1024
BUSY = "Try again in a few seconds."
SLOW_AFTER_SECONDS = 2.0
"""From then on it can be told how fast a client accepts a response."""

log = structlog.get_logger(__name__)


class Queue(Protocol):
    """Threads that work."""

    def add_task(self, task: object) -> None:
        """Have a thread call the task's `service`."""


class Server(Protocol):
    """What a connection asks of its server (`portal.runtime.http_server`)."""

    deadlines: Deadlines
    transfers: Queue

    @property
    def is_ending(self) -> bool:
        """Whether transfers are to stop."""

    def add_task(self, task: object) -> None:
        """Have a thread respond to the requests of a connection."""

    def has_room_for(self, connection: Connection, grown: int) -> bool:
        """Whether the body that a connection receives, and that has grown, may take more memory and disk."""

    def pull_trigger(self) -> None:
        """Have the thread that watches the sockets look again."""


class Connection(HTTPChannel):  # type: ignore[misc]
    """waitress's channel, with deadlines for each stage and with transfers."""

    parser_class = Request
    task_class = RequestTask
    error_task_class = RefusalTask
    request: Request | None
    will_close: bool
    close_when_flushed: bool
    lingers = False
    """Whether to discard what the client still sends before closing: else it may not get to read the response."""

    server: Server

    def __init__(
        self, server: Server, sock: socket.socket, addr: tuple[object, ...], adj: object, map: object = None
    ) -> None:
        self._clock = StageClock(time.monotonic())
        self._of: Request | None = None
        self.is_transferring = False
        self._is_lingering = False
        self._discarded = self._room_checked = 0
        super().__init__(server, sock, addr, adj, map=map)

    @property
    def owner(self) -> tuple[str, ...]:
        """Whose its request is, as far as can be told without reading the database (`fair_queue`). A client chooses the
        last part. The one before tells clients apart behind a proxy that is not named in the settings, which appends
        their address."""
        request = self.requests[0]
        last_hop = newest_hop(_forwarded(request), settings.PORTAL_PROXY_HEADER)
        return (self.client, last_hop, request.headers.get("AUTHORIZATION", ""))

    @property
    def client(self) -> str:
        """The client's address, or its network, as far as the head of a request has been read."""
        text = _forwarded([*self.requests, self.request][0])
        proxies, header = settings.PORTAL_TRUSTED_PROXIES, settings.PORTAL_PROXY_HEADER
        return share_of(client_of(str(self.addr[0]), text, proxies, header))

    # Deadlines

    def check_deadline(self, now: float) -> None:
        """Close the connection if its stage has taken too long. `now` is of `time.monotonic`."""
        if self.is_transferring:
            self._clock.enter(Stage.SEND, now, restart=False)
            return
        if self.will_close:
            self.abort()  # a client that accepts nothing is never reported as writable
            return
        self._follow(now)
        stage, waited = self._clock.stage, self._clock.waited(now)
        if self._clock.is_over(self.server.deadlines, now, self.received_bytes):
            if stage not in (Stage.IDLE, Stage.LINGER):
                log.info("slow_client_closed", stage=stage.name.lower(), seconds=round(waited))
            if stage in (Stage.HEAD, Stage.BODY):
                self.refuse(RequestTimeout("Send the whole request within a few seconds."))
            else:
                self.abort()
        elif stage is Stage.SEND and waited > self.server.deadlines.send:
            self._clock.enter(Stage.SEND, now, restart=True)

    @property
    def received_bytes(self) -> int:
        """How much of an incomplete body came."""
        return self.request.body_bytes_received if self.request is not None else 0

    @property
    def body_bytes(self) -> int:
        """How much room the bodies of its requests take."""
        requests = [request for request in (*self.requests, self.request) if request is not None]
        return sum(request.body_bytes_received for request in requests)

    @property
    def has_transfer(self) -> bool:
        """Whether a transfer is in progress."""
        return self.is_transferring or any(isinstance(buffer, TransferBuffer) for buffer in self.outbufs)

    def waits_since(self) -> float | None:
        """Since when it has waited for a request, by `time.monotonic`; None if it does something else."""
        waits = self._clock.stage in (Stage.IDLE, Stage.HEAD, Stage.BODY) and not self.will_close
        return self._clock.since if waits and not self.requests and not self.total_outbufs_len else None

    def slow_send_rate(self, now: float) -> float | None:
        """How many bytes a second the client accepts of a response, if that is too few; None if it is enough or can't
        be told yet."""
        if self._clock.stage is not Stage.SEND or self.is_transferring or self.will_close:
            return None
        if self._clock.waited(now) < SLOW_AFTER_SECONDS:
            return None
        rate = self._clock.send_rate(now)
        return rate if rate < self.server.deadlines.min_send_rate else None

    def refuse(self, error: Error) -> None:
        """Respond to an incomplete request with an error, and close the connection."""
        with self.requests_lock:
            request, self.request = self.request or self.parser_class(self.adj), None
            request.refuse(error)
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)

    def abort(self) -> None:
        """Close at once. The kernel drops what the client has not accepted, instead of keeping it for minutes."""
        if self.socket is not None and self.total_outbufs_len:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.handle_close()

    def _follow(self, now: float) -> None:
        request = self.request
        if self._is_lingering:
            stage = Stage.LINGER
        elif self.total_outbufs_len:
            stage = Stage.SEND
        elif self.requests:
            stage = Stage.WORK
        elif request is None:
            stage = Stage.IDLE
        else:
            stage = Stage.BODY if request.headers_finished else Stage.HEAD
        # The next request of the same connection has a time of its own.
        self._clock.enter(stage, now, restart=request is not self._of)
        self._of = request

    # Receiving

    def received(self, data: bytes) -> bool:
        """Take what the client sent."""
        result: bool = super().received(data)
        self._follow(time.monotonic())
        grown, self._room_checked = self.received_bytes - self._room_checked, self.received_bytes
        if grown > 0 and not self.server.has_room_for(self, grown):
            self.refuse(ServerBusy(BUSY))
        return result

    def readable(self) -> bool:
        """Whether to read from the socket."""
        return self._is_lingering or bool(not self.is_transferring and super().readable())

    def handle_read(self) -> None:
        """Read from the socket."""
        if not self._is_lingering:
            super().handle_read()
            return
        try:
            self._discarded += len(self.recv(65536))
        except OSError:
            self.handle_close()
        if self._discarded > MAX_DISCARDED_BYTES:
            self.handle_close()

    # Sending

    def writable(self) -> bool:
        """Whether to write to the socket."""
        return bool(not self.is_transferring and not self._is_lingering and super().writable())

    def handle_write(self) -> None:
        """Write to the socket."""
        if not (self.lingers and self.close_when_flushed) or self.will_close:
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if not self.total_outbufs_len and not self.will_close:
            self.close_when_flushed, self._is_lingering = False, True
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                self.handle_close()

    def send(self, data: bytes | TransferBuffer, do_close: bool = True) -> int:
        """Send bytes and return how many were accepted. A transfer is sent by a thread."""
        if isinstance(data, TransferBuffer):
            if not self.is_transferring:
                self.is_transferring = True
                self._clock.own_work_begins(time.monotonic())
                self.server.transfers.add_task(TransferTask(self.send_transfer, data))
            return 0
        sent: int = super().send(data, do_close)
        self._clock.add_sent(sent)
        return sent

    def send_transfer(self, buffer: TransferBuffer) -> None:
        """Send as much of a transfer as the client accepts, for one turn. Until it returns, nothing else touches the
        connection."""
        end, has_failed = time.monotonic() + TURN_SECONDS, False
        try:
            while buffer.remain and not self.server.is_ending:
                sent = buffer.transfer.send_to(self.socket)
                if not sent:
                    break
                with self.outbuf_lock:
                    buffer.remain -= sent
                    self.total_outbufs_len -= sent
                self._clock.add_sent(sent)
                if buffer.remain and time.monotonic() > end:
                    self.server.transfers.add_task(TransferTask(self.send_transfer, buffer))
                    return
        except OSError:
            has_failed = True
        except Exception:
            log.exception("transfer_failed")
            has_failed = True
        if has_failed or not buffer.remain:
            close_quietly(buffer)
            with self.outbuf_lock:
                self.outbufs.remove(buffer)
                self.total_outbufs_len -= buffer.remain
        self.will_close = self.will_close or has_failed
        self.last_activity = time.time()
        self._clock.own_work_ends(time.monotonic())
        self.is_transferring = False
        self.server.pull_trigger()

    def handle_close(self) -> None:
        """Close the socket. Transfers are ended by a thread, as that writes to the database."""
        if self.is_transferring:
            self.will_close = True
            return
        with self.outbuf_lock:
            for buffer in [buffer for buffer in self.outbufs if isinstance(buffer, TransferBuffer)]:
                self.outbufs.remove(buffer)
                self.server.transfers.add_task(TransferTask(close_quietly, buffer))
        if self.request is not None:
            self.request.close()  # an incomplete body may have a file
        super().handle_close()


def _forwarded(request: Request | None) -> str:
    """The header in which the operator's proxies name the client; empty before the head was read."""
    name = ProxyHeader(settings.PORTAL_PROXY_HEADER).wsgi_name
    text: str = request.headers.get(name, "") if request is not None else ""
    return text
