"""Requests as the portal's server reads them, and how it responds to one."""

from __future__ import annotations

import structlog
from waitress.channel import ClientDisconnected
from waitress.parser import HTTPRequestParser
from waitress.receiver import ChunkedReceiver, FixedStreamReceiver
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest, Error, InternalServerError

from portal.http.body_limits import max_body_bytes
from portal.runtime.chunked_body import ChunkedBody
from portal.runtime.transfer_buffers import wrap_file

PLAIN_TEXT = (
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
)
"""Headers of responses that the application didn't make."""

log = structlog.get_logger(__name__)


class RequestTimeout(Error):  # type: ignore[misc]
    """The request did not arrive in time."""

    code = 408
    reason = "Request Timeout"


class ServerBusy(Error):  # type: ignore[misc]
    """The bodies of other requests take all the room there is."""

    code = 503
    reason = "Service Unavailable"


class Request(HTTPRequestParser):  # type: ignore[misc]
    """A request. It is complete as soon as its body turns out to be larger than its path allows: the body is not read,
    and the application responds to the declared length. `is_cut` says so."""

    is_cut = False
    limit = 0
    body_rcv: FixedStreamReceiver | ChunkedReceiver | ChunkedBody | None

    def received(self, data: bytes) -> int:
        """Take what arrived, and return how much of it belongs to this request."""
        had_head = self.headers_finished
        if not had_head and not self.header_plus.strip() and _is_no_request(data):
            self.refuse(BadRequest("This is no request of HTTP"))
            return len(data)
        try:
            consumed: int = super().received(data)
        except ValueError:  # an address or a length that Python can't read
            self.refuse(BadRequest("The head is malformed"))
            return len(data)
        if self.headers_finished and not had_head and self.error is None and not self.empty:
            self._begin_body()
        if self.completed:
            self.expect_continue = False  # else waitress would wait for a body, and take the next head for more of this
        if self.error is not None:
            return len(data)
        if not self.is_cut and max(self.content_length, self.body_bytes_received) > self._limit():
            self._cut()
            return len(data)
        return consumed

    def refuse(self, error: Error) -> None:
        """Respond with an error. What came of the body is dropped."""
        self.error, self.completed, self.expect_continue = error, True, False
        self.close()
        self.body_rcv, self.body_bytes_received = None, 0

    def _begin_body(self) -> None:
        """Choose how much of a body is read, and how. Where two servers could disagree about its end, there is none."""
        self.limit = max_body_bytes("/" + self.path.lstrip("/"))
        if "TRANSFER_ENCODING" in self.headers or (self.chunked and "CONTENT_LENGTH" in self.headers):
            self.refuse(BadRequest("Send a length or chunks, and chunks with HTTP/1.1 only"))
        elif self.chunked and self.body_rcv is not None:
            self.body_rcv = ChunkedBody(self.body_rcv.getbuf())

    def _limit(self) -> float:
        """For a chunked body with its framing. Whether the content fits is checked by the application."""
        if not self.headers_finished or self.error is not None:
            return float("inf")
        return 2 * self.limit + 1024 if self.chunked else self.limit

    def _cut(self) -> None:
        self.is_cut = self.completed = True
        self.expect_continue = False
        self.headers["CONTENT_LENGTH"] = str(max(self.content_length, self.body_bytes_received))
        self.close()
        self.body_rcv = None


def _is_no_request(data: bytes) -> bool:
    """Whether no head begins like this. The greeting of a client that tries TLS first has no end of a head: without
    this, the client would get its answer only at the deadline."""
    begun = data.lstrip()
    return bool(begun) and not begun[:1].isalpha()


class RequestTask(WSGITask):  # type: ignore[misc]
    """Calls the application for a request, in a thread. What it logs has no path, since a path can be a secret."""

    def start(self) -> None:
        """Close the connection after the response if its rest can't be used. Requests that were sent ahead (pipelining)
        are not read: with them one client could queue work without limit."""
        super().start()
        if self.request.is_cut:
            self.channel.lingers = True
        if self.request.is_cut or len(self.channel.requests) > 1:
            self.set_close_on_finish()

    def service(self) -> None:
        """Respond, with status 500 if the application fails before it responds."""
        try:
            super().service()
        except ClientDisconnected:
            self.close_on_finish = True
        except Exception:
            log.exception("response_failed")
            self.close_on_finish = True
            if not self.wrote_header:
                self.request.error = InternalServerError("Try again in a few seconds.")
                self.channel.error_task_class(self.channel, self.request).service()

    def write(self, data: bytes) -> None:
        """Send part of the body; none in response to HEAD."""
        super().write(b"" if self.request.command == "HEAD" else data)

    def finish(self) -> None:
        """End the response."""
        if self.request.command == "HEAD":
            self.chunked_response = False
        super().finish()

    def get_environment(self) -> dict[str, object]:
        """Return WSGI's environment."""
        environment: dict[str, object] = super().get_environment()
        return environment | {"wsgi.file_wrapper": wrap_file if self.request.command != "HEAD" else None}


class RefusalTask(ErrorTask):  # type: ignore[misc]
    """Responds to a request that never reaches the application."""

    def start(self) -> None:
        """Give the client time to read the response before the connection is closed."""
        super().start()
        self.channel.lingers = True

    def execute(self) -> None:
        """Say what is wrong. What waitress says of a malformed request repeats parts of it, and is left out."""
        error = self.request.error
        text = f"{error.reason}\n" if isinstance(error, BadRequest) else f"{error.reason}. {error.body}\n"
        self.status, self.content_length = f"{error.code} {error.reason}", len(text)
        self.response_headers.extend(PLAIN_TEXT)
        self.set_close_on_finish()
        self.write(text.encode())
