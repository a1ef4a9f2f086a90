"""As much of S3 as storing blobs takes: whole and multipart uploads, reading, deleting, listing. In memory."""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

_DATE = "Tue, 24 Nov 2026 00:00:00 GMT"


class FakeS3:
    """`objects` maps keys to bytes; `unfinished` holds multipart uploads that were neither completed nor aborted.
    While `broken` is set, every request is answered with that status. The next `drops` bodies that are put are read and
    their connections closed without an answer."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.unfinished: dict[str, dict[int, bytes]] = {}
        self.broken: int | None = None
        self.drops = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.fake = self  # type: ignore[attr-defined]
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    keeps = True
    """Whether parts are kept, or only counted."""

    def setup(self) -> None:
        super().setup()
        self.fake: FakeS3 = self.server.fake  # type: ignore[attr-defined]

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def answer(self, method: str) -> None:
        url = urlsplit(self.path)
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        query = parse_qs(url.query, keep_blank_values=True)
        body = self.body()
        upload = query.get("uploadId", [""])[0]
        if self.fake.broken:
            self.send(self.fake.broken, b"")
        elif method == "PUT" and self.fake.drops:
            self.fake.drops -= 1
            self.close_connection = True
        elif method == "POST" and "uploads" in query:
            self.fake.unfinished[key] = {}
            self.send(200, _xml("InitiateMultipartUploadResult", Bucket=bucket, Key=key, UploadId=key))
        elif method == "PUT" and upload:
            self.fake.unfinished[upload][int(query["partNumber"][0])] = body if self.keeps else b""
            self.send(200, b"", ETag='"part"')
        elif method == "POST" and upload:
            parts = self.fake.unfinished.pop(upload)
            self.fake.objects[key] = b"".join(parts[number] for number in sorted(parts))
            self.send(200, _xml("CompleteMultipartUploadResult", Bucket=bucket, Key=key, ETag='"whole"'))
        elif method == "DELETE":
            self.fake.unfinished.pop(upload, None) if upload else self.fake.objects.pop(key, None)
            self.send(204, b"")
        elif method == "PUT":
            self.fake.objects[key] = body
            self.send(200, b"", ETag='"whole"')
        elif not key:
            self.send(200, self.listing(query))
        elif key in self.fake.objects:
            status, content = self.part(self.fake.objects[key])
            self.send(status, content, ETag='"whole"', **{"Last-Modified": _DATE})
        else:
            self.send(404, b"" if method == "HEAD" else _xml("Error", Code="NoSuchKey"))

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Content-Encoding", "") + self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return data

    def part(self, content: bytes) -> tuple[int, bytes]:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            return 200, content
        return 206, content[int(asked[1]) : int(asked[2] or len(content)) + 1]

    def listing(self, query: dict[str, list[str]]) -> bytes:
        prefix = query.get("prefix", [""])[0]
        rest = [key[len(prefix) :] for key in sorted(self.fake.objects) if key.startswith(prefix)]
        folders = sorted({one.partition("/")[0] for one in rest if "/" in one})
        files = [one for one in rest if "/" not in one]
        inner = "".join(f"<CommonPrefixes><Prefix>{prefix}{one}/</Prefix></CommonPrefixes>" for one in folders)
        inner += "".join(
            f"<Contents><Key>{prefix}{one}</Key><Size>{len(self.fake.objects[prefix + one])}</Size></Contents>"
            for one in files
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{inner}</ListBucketResult>".encode()

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer("GET")

    def do_HEAD(self) -> None:
        self.answer("HEAD")

    def do_PUT(self) -> None:
        self.answer("PUT")

    def do_POST(self) -> None:
        self.answer("POST")

    def do_DELETE(self) -> None:
        self.answer("DELETE")

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


def _xml(root: str, **fields: str) -> bytes:
    return f"<{root}>{''.join(f'<{name}>{value}</{name}>' for name, value in fields.items())}</{root}>".encode()
