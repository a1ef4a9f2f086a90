"""The portal's HTTP server: waitress, with deadlines and limits for slow clients.

One thread watches all sockets. It reads heads and bodies, and gives a request to one of `threads` only when it is
complete. `TRANSFER_THREADS` other threads send layers and exports to clients that accept bytes (`http_connection`).
So a slow client costs a socket and a little memory, and never a thread.
"""

from __future__ import annotations

import resource
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from wsgiref.types import WSGIApplication

import structlog
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from portal.runtime.deadlines import Deadlines
from portal.runtime.fair_queue import FairQueue
from portal.runtime.http_connection import BUSY, Connection
from portal.runtime.http_requests import ServerBusy

THREADS = 12
TRANSFER_THREADS = 4
MAX_CONNECTIONS = 2000
FULL_AT = 0.8
"""From this share of the connections on, those that wait longest for a request are closed, or accept slowest."""
MIN_WAIT_SECONDS = 0.5
"""Less than this is no reason to close a connection."""
MAX_HEAD_BYTES = 32 * 1024
MAX_BODIES_BYTES = 64 * 1024 * 1024
"""The most that the bodies of all requests take at once, in memory and temporary files."""
ROOM_COUNTED_EVERY = 64 * 1024
MAX_BODY_IN_MEMORY = 64 * 1024
ACCEPTED_AT_ONCE = 64
CHECK_SECONDS = 1.0
CHECK_SECONDS_IF_FULL = 0.2
STOP_SECONDS = 4.0
"""How long responses may take after a signal to stop. Transfers are resumed elsewhere."""
_FILES_OF_THE_PROCESS = 200

log = structlog.get_logger(__name__)


class Listener(TcpWSGIServer):  # type: ignore[misc]
    """A socket that accepts connections."""

    channel_class = Connection

    def __init__(self, server: HttpServer, application: WSGIApplication, sockinfo: object) -> None:
        self.deadlines, self.transfers, self._server = server.deadlines, server.transfers, server
        super().__init__(application, server.map, dispatcher=server.tasks, adj=server.adjustments, sockinfo=sockinfo)
        self.next_channel_cleanup = float("inf")  # the deadlines do that

    @property
    def is_ending(self) -> bool:
        """Whether transfers are to stop."""
        return self._server.is_ending

    def has_room_for(self, connection: Connection, grown: int) -> bool:
        """Whether the body that a connection receives, and that has grown, may take more memory and disk."""
        return self._server.has_room_for(connection, grown)

    def handle_accept(self) -> None:
        """Accept the connections that wait, some at a time."""
        for _ in range(ACCEPTED_AT_ONCE):
            if len(self._map) >= self.adj.connection_limit:
                return
            try:
                accepted = self.accept()
                if accepted is None:
                    return
                self.set_socket_options(accepted[0])
            except OSError:
                continue
            self.channel_class(self, accepted[0], accepted[1], self.adj, map=self._map)


class HttpServer:
    """Serves an application at `listen`, addresses such as `127.0.0.1:8000`, until `stop`."""

    def __init__(
        self,
        application: WSGIApplication,
        listen: Sequence[str],
        *,
        threads: int = THREADS,
        deadlines: Deadlines | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self.map: dict[int, object] = {}
        self.deadlines = deadlines or Deadlines()
        self.max_connections = min(max_connections, _connections_for(_raise_file_limit()))
        self.adjustments = Adjustments(
            listen=" ".join(listen),
            ident=None,
            backlog=2048,
            connection_limit=self.max_connections,
            asyncore_use_poll=True,
            clear_untrusted_proxy_headers=False,  # `portal.http.client_address` decides which are believed
            log_socket_errors=False,
            recv_bytes=64 * 1024,
            channel_request_lookahead=1,  # so that a request whose client left while it waited is dropped
            max_request_header_size=MAX_HEAD_BYTES,
            max_request_body_size=1 << 62,  # limited by path
            inbuf_overflow=MAX_BODY_IN_MEMORY,
        )
        self.tasks, self.transfers = ThreadedTaskDispatcher(), ThreadedTaskDispatcher()
        self.tasks.queue = FairQueue()
        self.tasks.set_thread_count(threads)
        self.transfers.set_thread_count(TRANSFER_THREADS)
        self.is_ending = False
        self._is_stopping = False
        self._stopping = threading.RLock()  # a signal handler runs in the thread that may hold it
        self._counted = self._grown = 0
        self._listeners = [Listener(self, application, sockinfo) for sockinfo in self.adjustments.listen]

    @property
    def ports(self) -> list[int]:
        """The port of each address."""
        return [int(listener.effective_port) for listener in self._listeners]

    def connections(self) -> Iterator[Connection]:
        """The open connections."""
        for listener in self._listeners:
            yield from list(listener.active_channels.values())

    def has_room_for(self, asking: Connection, grown: int) -> bool:
        """Whether the body that a connection receives, and that has grown, may take more memory and disk. If there is
        no room, the client whose bodies take most of it makes some, so that a stranger who fills it keeps nobody else
        out. Bodies are counted only when they may have become too many."""
        self._grown += grown
        if self._counted + self._grown <= MAX_BODIES_BYTES or self._grown < ROOM_COUNTED_EVERY:
            return True
        sizes = {connection: size for connection in self.connections() if (size := connection.body_bytes)}
        self._counted, self._grown = sum(sizes.values()), 0
        has_room = True
        while self._counted > MAX_BODIES_BYTES and (refused := _to_refuse(sizes, asking)) is not None:
            self._counted -= sizes.pop(refused)
            if refused is asking:
                has_room = False  # the connection refuses it itself
            else:
                refused.refuse(ServerBusy(BUSY))
        return has_room

    def run(self) -> None:
        """Serve until `stop`; then let responses in progress end, for STOP_SECONDS at most."""
        next_check = 0.0
        while not self._is_stopping:
            pause = CHECK_SECONDS if len(self.map) < self.max_connections else CHECK_SECONDS_IF_FULL
            wasyncore.poll2(pause, self.map)
            if time.monotonic() >= next_check:
                next_check = time.monotonic() + pause
                self._check()
        self._end()

    def stop(self) -> None:
        """Have `run` return soon. Can be called by any thread and by a signal handler."""
        with self._stopping:
            if not self._is_stopping:
                self._is_stopping = True
                self._listeners[0].pull_trigger()

    def _check(self) -> None:
        """Close connections that are too slow. If there are many, close those that wait longest for a request, and then
        those that accept their response slowest."""
        now = time.monotonic()
        for connection in self.connections():
            connection.check_deadline(now)
        too_many = len(self.map) - int(self.max_connections * FULL_AT)
        if too_many > 0:
            waiting = [(since, c) for c in self.connections() if (since := c.waits_since()) is not None]
            longest = sorted((pair for pair in waiting if now - pair[0] > MIN_WAIT_SECONDS), key=lambda pair: pair[0])
            slow = [(rate, c) for c in self.connections() if (rate := c.slow_send_rate(now)) is not None]
            slowest = sorted(slow, key=lambda pair: pair[0])
            closed = [connection for _, connection in (*longest, *slowest)][:too_many]
            for connection in closed:
                connection.abort()
            log.warning("too_many_connections", open=len(self.map), closed=len(closed))

    def _end(self) -> None:
        for listener in self._listeners:
            wasyncore.dispatcher.close(listener)  # the address is free again; the trigger stays
        end = time.monotonic() + STOP_SECONDS
        while time.monotonic() < end:
            busy = [c for c in self.connections() if c.requests or (c.total_outbufs_len and not c.has_transfer)]
            if not busy:
                break
            wasyncore.poll2(0.05, self.map)
        self.is_ending = True
        self._until(lambda: not any(connection.is_transferring for connection in self.connections()))
        for connection in self.connections():
            connection.abort()
        self._until(lambda: not self.transfers.queue and not self.transfers.active_count)
        self.tasks.shutdown(timeout=1)
        self.transfers.shutdown(timeout=1)
        with self._stopping:  # the trigger is not closed before whoever stops this server has pulled it
            wasyncore.close_all(self.map)

    @staticmethod
    def _until(is_done: Callable[[], bool], seconds: float = 1.0) -> None:
        end = time.monotonic() + seconds
        while not is_done() and time.monotonic() < end:
            time.sleep(0.01)


def serve(application: WSGIApplication, listen: Sequence[str]) -> None:
    """Serve an application until SIGTERM or SIGINT."""
    server = HttpServer(application, listen)

    def stop(number: int, frame: FrameType | None) -> None:
        server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    log.info("serving", addresses=list(listen), connections=server.max_connections)
    server.run()


def _to_refuse(sizes: Mapping[Connection, int], asking: Connection) -> Connection | None:
    """Return the connection whose body makes room for others, None if all bodies are complete. It is one of the client
    whose bodies take most: the one that asks for room, or else the largest."""
    by_client: Counter[str] = Counter()
    for connection, size in sizes.items():
        by_client[connection.client] += size
    for client, _ in by_client.most_common():
        theirs = [c for c in sizes if c.client == client and c.received_bytes and not c.requests]
        if theirs:
            return asking if asking in theirs else max(theirs, key=lambda connection: connection.received_bytes)
    return None


def _raise_file_limit() -> int:
    """Let the process open as many files as it may; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS + _FILES_OF_THE_PROCESS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft


def _connections_for(files: int) -> int:
    """How many connections a process with this many files serves: each has a socket, and a body or a layer."""
    return max((files - _FILES_OF_THE_PROCESS) // 2, 50)
