"""Layers that are served from memory, without a connection: what `groups.ingest.layers` asks of a client, no more."""

from __future__ import annotations

import hashlib
import threading
from typing import Any, cast

from groups.ingest import fenced_writes
from groups.ingest.claim import Claim
from registries.failures import RegistryUnreachable, registry_itself
from registries.oci.client import RegistryClient
from registries.oci.manifest import Descriptor, Manifest
from tests.groups.ingest.conftest import HOST
from tests.support.manifests import GZIP, config_of, manifest


def described(content: bytes) -> Descriptor:
    return Descriptor(GZIP, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))


class Body:
    """What the registry sends of a layer from `offset` on; breaks off at the first of `breaks` that comes."""

    def __init__(self, content: bytes, offset: int, breaks: list[int | None], digest_so_far: Any) -> None:
        self.received = offset
        self.waited = 0.0
        self.where = registry_itself(HOST)
        self.closed = False
        self.content = content
        self._end = breaks.pop(0) if breaks else None
        self._digest = digest_so_far.copy() if digest_so_far else hashlib.sha256()

    @property
    def digest_so_far(self) -> Any:
        return self._digest.copy()

    def readinto(self, buffer: memoryview) -> int:
        if self.received == self._end:
            raise RegistryUnreachable(host=HOST, reason="it broke off")
        piece = self.content[self.received : self._end][: min(len(buffer), 7)]
        buffer[: len(piece)] = piece
        self.received += len(piece)
        self._digest.update(piece)
        if not piece:
            assert self._digest.digest() == hashlib.sha256(self.content).digest(), "read from the start to the end"
        return len(piece)

    def close(self) -> None:
        self.closed = True


class Registry:
    """Serves `contents`; breaks off at each of `breaks` in turn, and refuses with each of `refusals`. `asked` are the
    digest and offset of each request."""

    def __init__(self, *contents: bytes) -> None:
        self.contents = {described(content).digest: content for content in contents}
        self.manifest: Manifest = manifest(*(described(content) for content in contents))
        self.breaks: list[int | None] = []
        self.refusals: list[Exception | None] = []
        self.fails: dict[str, Exception] = {}
        self.asked: list[tuple[str, int]] = []
        self.bodies: list[Body] = []
        self.aborted = threading.Event()

    def blob(self, repository: str, layer: Descriptor, *, offset: int = 0, digest_so_far: Any = None) -> Body:
        assert repository == "team/app"
        self.asked.append((layer.digest, offset))
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal is not None:
            raise refusal
        if layer.digest in self.fails:
            raise self.fails[layer.digest]
        self.bodies.append(Body(self.contents[layer.digest], offset, self.breaks, digest_so_far))
        return self.bodies[-1]

    def has_blob(self, repository: str, layer: Descriptor) -> bool:
        return True

    def abort(self) -> None:
        self.aborted.set()

    @property
    def client(self) -> RegistryClient:
        return cast("RegistryClient", self)


def pinned(held: Claim, registry: Registry) -> Claim:
    fenced_writes.write_manifest(held, registry.manifest, b"{}", config_of(registry.manifest))
    return held
