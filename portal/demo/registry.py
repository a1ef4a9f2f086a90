"""A small private registry that serves the sample image read-only, behind Basic authentication.

    python -m portal.demo.registry --port 5000 --user deploy --password-file FILE

It implements what a pull and a check need of the OCI distribution specification, at a limited rate so that progress
is visible. It is not meant to store images.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import json
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from portal.demo.image import SampleImage, sample_image

REPOSITORY = "acme/hello"
TAG = "1.0"
BYTES_PER_SECOND = 8_000_000
CHUNK = 128 * 1024
_PATH = re.compile(
    r"/v2/(?P<repository>[a-z0-9/]{1,100})/(?P<kind>manifests|blobs)/(?P<version>[A-Za-z0-9:._-]{1,128})"
)


class SampleRegistry(ThreadingHTTPServer):
    """The server. `expected` is the only Authorization header that it accepts."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], *, user: str, password: str) -> None:
        super().__init__(address, _Handler)
        self.image: SampleImage = sample_image()
        self.expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class _Handler(BaseHTTPRequestHandler):
    server: SampleRegistry
    protocol_version = "HTTP/1.1"
    server_version = "sample-registry"

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        if not hmac.compare_digest(self.headers.get("Authorization", "").encode(), self.server.expected.encode()):
            self._error(401, "UNAUTHORIZED", "authentication required")
            return
        if self.path in ("/v2/", "/v2"):
            self._send(b"{}", "application/json", with_body=with_body)
            return
        if self.path.partition("?")[0] == f"/v2/{REPOSITORY}/tags/list":
            listed = json.dumps({"name": REPOSITORY, "tags": [TAG]}).encode()
            self._send(listed, "application/json", with_body=with_body)
            return
        found = _PATH.fullmatch(self.path)
        if found is None or found["repository"] != REPOSITORY:
            self._error(404, "NAME_UNKNOWN", "repository name not known to registry")
            return
        image = self.server.image
        digest = image.index_digest if found["version"] == TAG else found["version"]
        is_manifest = digest in (image.index_digest, image.manifest_digest)
        if digest not in image.blobs or is_manifest != (found["kind"] == "manifests"):
            code = "MANIFEST_UNKNOWN" if found["kind"] == "manifests" else "BLOB_UNKNOWN"
            self._error(404, code, "not known to registry")
            return
        media_type = image.media_types[digest] if is_manifest else "application/octet-stream"
        self._send(image.blobs[digest], media_type, digest=digest, with_body=with_body)

    def _send(self, body: bytes, media_type: str, *, digest: str = "", with_body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        if digest:
            self.send_header("Docker-Content-Digest", digest)
        self.end_headers()
        if not with_body:
            return
        for start in range(0, len(body), CHUNK):
            self.wfile.write(body[start : start + CHUNK])
            if len(body) > CHUNK:
                time.sleep(CHUNK / BYTES_PER_SECOND)

    def _error(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="sample registry"')
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description="A private sample registry.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    options = parser.parse_args()
    password = options.password_file.read_text().strip()
    SampleRegistry(("127.0.0.1", options.port), user=options.user, password=password).serve_forever()


if __name__ == "__main__":
    main()
