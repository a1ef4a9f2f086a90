"""An OCI registry on loopback: real sockets, images in memory, Basic or Bearer, a log, and faults.

with FakeRegistry(auth="bearer", users={"alice": "secret"}) as registry:
    pushed = registry.push_image("team/app", "1.0", layers=[b"one", b"two"])
    registry.fault("/blobs/", reset_after=1000, times=1)
    ...  # pull from registry.host
    assert registry.seen[0].path == "/v2/"
"""

from __future__ import annotations

import secrets
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.support.fakes.faults import Fault
from tests.support.fakes.images import DOCKER, OCI, build_image, build_index, digest_of
from tests.support.fakes.registry_http import Seen, Server


@dataclass
class Pushed:
    """`digest` is what the tag means: of the index if there is one, else of the (first) manifest."""

    digest: str
    manifest_digest: str
    config_digest: str
    layer_digests: list[str]
    size: int
    """Bytes of config and layers of the first platform."""


class FakeRegistry:
    """Knobs are plain attributes; change them while it runs.

    `auth` is "none", "basic" or "bearer". `users` maps names to secrets. With `grants`, a user may read
    only those repositories; `public` ones need no login where `auth` is "bearer".
    """

    def __init__(
        self,
        *,
        auth: str = "none",
        users: Mapping[str, str] | None = None,
        grants: Mapping[str, set[str]] | None = None,
        public: Sequence[str] = (),
        tls: tuple[Path, Path] | None = None,
        directory: Path | None = None,
        port: int = 0,
    ) -> None:
        self.auth = auth
        self.users = dict(users or {})
        self.grants = grants
        self.public = set(public)
        self.directory = directory
        self.blobs: dict[str, bytes | Path] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        """(repository, tag or digest) → content type and bytes."""
        self.seen: list[Seen] = []
        self.errors: list[BaseException] = []
        self.faults: list[Fault] = []
        self.ranges = True
        self.realm: str | None = None
        """Replaces the address of the token service in the challenge."""
        self.challenge: str | None = None
        """Replaces the whole WWW-Authenticate header."""
        self.token_path = "/token"
        self.token_field = "token"
        self.expires_in: Any = 300
        """As said to the client; also what tokens live here, if it is a positive number."""
        self.grant_nothing = False
        self.closing = threading.Event()
        self._tokens: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()
        self._server = Server(("127.0.0.1", port))
        self._server.registry = self
        if tls is not None:
            self._server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._server.tls.load_cert_chain(*tls)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="fake registry", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._server.tls else 'http'}://{self.host}"

    def close(self) -> None:
        """Stop, and cut every connection that is still open."""
        self.closing.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.cut()
        self._server.server_close()

    def push_image(
        self,
        repository: str,
        tag: str = "latest",
        layers: Sequence[bytes] = (b"hello from a layer\n",),
        *,
        config: Mapping[str, Any] | None = None,
        platform: str | Sequence[str] = "linux/amd64",
        docker_types: bool = False,
        index: bool = False,
    ) -> Pushed:
        """Build and store an image (`tests.support.fakes.images.build_image`); several platforms make an index."""
        platforms = [platform] if isinstance(platform, str) else list(platform)
        images = {one: build_image(layers, config=config, platform=one, docker_types=docker_types) for one in platforms}
        for image in images.values():
            for blob in image.blobs.values():
                self.push_blob(blob)
            self.push_manifest(repository, tag, image.manifest, image.manifest_type)
        first = images[platforms[0]]
        digest = first.digest
        if index or len(images) > 1:
            listed = build_index(images, docker_types=docker_types)
            digest = self.push_manifest(repository, tag, listed, (DOCKER if docker_types else OCI)["index"])
        size = sum(len(blob) for blob in first.blobs.values())
        return Pushed(digest, first.digest, first.config_digest, first.layer_digests, size)

    def push_blob(self, data: bytes) -> str:
        """Store a blob (in `directory`, where one was named) and return its digest."""
        digest = digest_of(data)
        if self.directory is None:
            self.blobs[digest] = data
        else:
            path = self.directory / digest.partition(":")[2]
            path.write_bytes(data)
            self.blobs[digest] = path
        return digest

    def push_manifest(self, repository: str, tag: str, body: bytes, content_type: str) -> str:
        """Store any bytes as a manifest, under `tag` and under their digest, which is returned."""
        digest = digest_of(body)
        self.manifests[repository, tag] = self.manifests[repository, digest] = (content_type, body)
        return digest

    def fault(self, where: str, **knobs: Any) -> Fault:
        """Make requests whose path holds `where` go wrong (`tests.support.fakes.faults.Fault`). Newer ones win."""
        made = Fault(where, **knobs)
        self.faults.insert(0, made)
        return made

    def redirect_blobs_to(self, storage: FakeRegistry) -> None:
        """Send blob requests to `storage`, which serves them to whoever comes without Authorization."""
        storage.blobs = self.blobs
        self.fault("/blobs/", redirect=f"{storage.url}/storage{{path}}?signature=once")

    def forget_tokens(self) -> None:
        """Make every token that was given out invalid."""
        with self._lock:
            self._tokens.clear()

    def requests_to(self, where: str) -> list[Seen]:
        """Return the log of requests whose path holds `where`."""
        return [one for one in list(self.seen) if where in one.path]

    # What the handler asks.

    def log(self, seen: Seen) -> Fault:
        """Note a request; return the fault that it meets, one without effect as a rule."""
        with self._lock:
            self.seen.append(seen)
            for fault in self.faults:
                if fault.applies(seen.method, seen.path):
                    fault.hits += 1
                    return fault
        return Fault("")

    def issue_token(self, seen: Seen, repository: str) -> str | None:
        """Return a token, or None for a wrong login."""
        if seen.kind == "basic" and self.users.get(seen.username) != seen.secret:
            return None
        allowed = repository if self._may_read(seen.username, repository) and not self.grant_nothing else ""
        lifetime = self.expires_in if isinstance(self.expires_in, int) and self.expires_in > 0 else 300
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._tokens[token] = (allowed, time.monotonic() + lifetime)
        return token

    def admits(self, seen: Seen, repository: str | None) -> bool:
        """Return whether a request may pass; `repository` is None for the ping."""
        if self.auth == "none":
            return True
        if self.auth == "basic":
            known = seen.kind == "basic" and self.users.get(seen.username) == seen.secret
            return known and (repository is None or self._may_read(seen.username, repository))
        with self._lock:
            scope, good_until = self._tokens.get(seen.secret, ("", 0.0))
        return seen.kind == "bearer" and time.monotonic() < good_until and repository in {None, scope}

    def _may_read(self, username: str, repository: str) -> bool:
        if repository in self.public:
            return True
        if not username:
            return False
        return self.grants is None or repository in self.grants.get(username, set())
