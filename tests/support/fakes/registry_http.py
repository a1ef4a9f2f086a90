"""The HTTP side of the fake registry: routes, answers, and the sending of faults."""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs

from tests.support.fakes.faults import Cut, Fault, send_body

if TYPE_CHECKING:
    from tests.support.fakes.registry import FakeRegistry

_MANIFEST = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<version>[^/]+)")
_BLOB = re.compile(r"/v2/(?P<name>.+)/blobs/(?P<digest>[^/]+)")
_TAGS = re.compile(r"/v2/(?P<name>.+)/tags/list")
_STORAGE = re.compile(r"/storage/.*(?P<digest>sha256:[0-9a-f]{64})")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")

Connection = socket.socket | tuple[bytes, socket.socket]
"""What `socketserver` calls a request."""


@dataclass
class Seen:
    """A request as it arrived. `kind` is "basic", "bearer" or ""; `username` and `secret` as far as sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    kind: str = ""
    username: str = ""
    secret: str = ""
    body: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Self:
        path, _, query = target.partition("?")
        kind, _, value = headers.get("authorization", "").partition(" ")
        username, secret = "", value
        if kind.lower() == "basic":
            username, _, secret = base64.b64decode(value).decode().partition(":")
        return cls(method, path, query, headers, kind.lower(), username, secret, body)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def registry(self) -> FakeRegistry:
        registry: FakeRegistry = self.server.registry  # type: ignore[attr-defined]
        return registry

    def handle(self) -> None:
        # A client that tries TLS first is shown the door at once, as a plain server would do sooner or later.
        plain = not isinstance(self.connection, ssl.SSLSocket)
        if plain and self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
            return
        super().handle()

    def do_GET(self) -> None:
        names = {name.lower() for name in self.headers}
        lines = {name: self.headers.get_all(name, []) for name in names}
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        seen = Seen.of(self.command, self.path, {name: ", ".join(texts) for name, texts in lines.items()}, body)
        self.fault = self.registry.log(seen)
        if self.fault.delay:
            self.registry.closing.wait(self.fault.delay)
        try:
            if self.fault.raw is not None:
                self._send_raw(self.fault.raw)
            elif self.fault.redirect is not None:
                self._send(307, b"", {"Location": self.fault.redirect.replace("{path}", seen.path)})
            elif self.fault.status is not None:
                self._send(self.fault.status, self.fault.body or b"")
            else:
                self._route(seen)
        except Cut:
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, format: str, *arguments: Any) -> None:
        """Stay quiet: `FakeRegistry.seen` is the log."""

    def _route(self, seen: Seen) -> None:
        path = seen.path
        if path == "/v2/":
            if not self.registry.admits(seen, None):
                self._challenge()
            else:
                self._send(200, b"{}", {"Content-Type": "application/json"})
        elif path == self.registry.token_path:
            self._token(seen)
        elif match := _STORAGE.fullmatch(path):
            # As S3 does it with two ways to authenticate at once.
            if seen.kind:
                self._error(400, "INVALID_REQUEST")
            else:
                self._blob(match["digest"])
        elif match := _MANIFEST.fullmatch(path) or _BLOB.fullmatch(path) or _TAGS.fullmatch(path):
            name = match["name"]
            if not self.registry.admits(seen, name):
                self._challenge(name)
            elif match.re is _BLOB:
                self._blob(match["digest"])
            elif match.re is _MANIFEST:
                self._manifest(name, match["version"])
            else:
                self._tags(name, seen)
        else:
            self._error(404, "NOT_FOUND")

    def _tags(self, name: str, seen: Seen) -> None:
        query = parse_qs(seen.query)
        tags = sorted(tag for known, tag in self.registry.manifests if known == name and ":" not in tag)
        last, count = query.get("last", [""])[0], int(query.get("n", ["1000"])[0])
        page = [tag for tag in tags if tag > last]
        more = {}
        if len(page) > count:
            more = {"Link": f'</v2/{name}/tags/list?last={page[count - 1]}&n={count}>; rel="next"'}
        self._send_json(200, {"name": name, "tags": page[:count]}, more)

    def _challenge(self, repository: str | None = None) -> None:
        registry = self.registry
        scope = f',scope="repository:{repository}:pull"' if repository else ""
        realm = registry.realm or f"{registry.url}/token"
        challenge = f'Bearer realm="{realm}",service="{registry.host}"{scope}'
        if registry.auth == "basic":
            challenge = 'Basic realm="fake registry"'
        self._error(401, "UNAUTHORIZED", {"WWW-Authenticate": registry.challenge or challenge})

    def _token(self, seen: Seen) -> None:
        scope = parse_qs(seen.query).get("scope", [""])[0]
        token = self.registry.issue_token(seen, scope.removeprefix("repository:").removesuffix(":pull"))
        if token is None:
            self._send_json(401, {"details": "incorrect username or password"})
            return
        answer: dict[str, Any] = {self.registry.token_field: token}
        if self.registry.expires_in is not None:
            answer["expires_in"] = self.registry.expires_in
        self._send_json(200, answer)

    def _manifest(self, name: str, version: str) -> None:
        found = self.registry.manifests.get((name, version))
        if found is None:
            known = any(repository == name for repository, _ in self.registry.manifests)
            self._error(404, "MANIFEST_UNKNOWN" if known else "NAME_UNKNOWN")
            return
        content_type, body = found
        digest = next(
            v for (_, v), one in self.registry.manifests.items() if one[1] == body and v.startswith("sha256:")
        )
        self._send(200, body, {"Content-Type": content_type, "Docker-Content-Digest": digest})

    def _blob(self, digest: str) -> None:
        stored = self.registry.blobs.get(digest)
        if stored is None:
            self._error(404, "BLOB_UNKNOWN")
            return
        body = stored.read_bytes() if isinstance(stored, Path) else stored
        headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest}
        span = _RANGE.fullmatch(self.headers.get("Range", ""))
        if span is None or not self.registry.ranges:
            self._send(200, body, headers)
            return
        first, last = int(span[1]), min(int(span[2] or len(body)), len(body) - 1)
        if first > last:
            self._error(416, "RANGE_INVALID")
            return
        headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
        self._send(206, body[first : last + 1], headers)

    def _error(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        self._send_json(status, {"errors": [{"code": code, "message": "as the fake registry has it"}]}, headers)

    def _send_json(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        fault: Fault = self.fault
        body = fault.changed(body if fault.body is None else fault.body)
        lines = {**(headers or {}), **fault.headers}
        if fault.chunked:
            lines["Transfer-Encoding"] = "chunked"
        else:
            lines["Content-Length"] = str(len(body) if fault.length is None else fault.length)
        self.send_response_only(status)
        for name, text in lines.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            send_body(self.connection, body, fault, self.registry.closing)
        if fault.length is not None:
            raise Cut

    def _send_raw(self, raw: Any) -> None:
        closing: threading.Event = self.registry.closing
        for piece in [raw] if isinstance(raw, bytes) else raw:
            if closing.is_set():
                break
            self.connection.sendall(piece)
        raise Cut


class Server(ThreadingHTTPServer):
    """A thread a connection, all of which `cut` ends."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    registry: FakeRegistry
    tls: ssl.SSLContext | None = None

    def __init__(self, address: tuple[str, int]) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        # Without the look-up of our own name that HTTPServer makes.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def finish_request(self, request: Connection, client_address: tuple[str, int]) -> None:
        assert isinstance(request, socket.socket)
        connection = request
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(request, server_side=True)
            self._open.add(connection)
            super().finish_request(connection, client_address)
        except OSError:
            pass  # the client went away, or a fault cut the connection
        finally:
            self._open.discard(connection)
            connection.close()

    def handle_error(self, request: Connection, client_address: tuple[str, int]) -> None:
        error = sys.exception()
        if error is not None:
            self.registry.errors.append(error)

    def cut(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
