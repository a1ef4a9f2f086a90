"""One registry, one login, one pull: a method for each step that the pipeline takes.

What comes back is verified here (digests, sizes, types); whether an image is wanted is decided by
`groups.ingest`. No redirect is followed but those of manifests and blobs, without credentials once they
leave the registry's origin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from registries.failures import DigestMismatch, HostNotAllowed, ImageNotFound, RegistryUnreachable, UnsupportedManifest
from registries.oci import blobs, location, tags
from registries.oci.address_guard import AddressGuard
from registries.oci.auth import Handshake, Login
from registries.oci.config import MAX_CONFIG_BYTES
from registries.oci.errors import BROKE_OFF, NOT_TLS, SHORT_BODY, Stage, response_failure
from registries.oci.fetch import Fetch
from registries.oci.location import Location
from registries.oci.manifest import (
    ACCEPT,
    INDEXES,
    MANIFESTS,
    MAX_MANIFEST_BYTES,
    Descriptor,
    Index,
    Manifest,
    choose,
    read_document,
)
from registries.oci.platform import Platform, missing
from registries.oci.rate_limits import PullLimits, read_limits
from registries.oci.reference import api_host, is_digest, is_repository, is_tag
from registries.oci.transport import Session, Timeouts
from registries.oci.verifying_reader import Hash, VerifyingReader

MAX_INDEXES = 3  # one within another, and how many are opened in search of a platform


class RegistryClient:
    """Reads from the registry at `host` (`host[:port]`, as `Reference.registry` has it).

    `ca_file` and `ca` (PEM) name authorities besides the public ones. `on_show` is called with each `host[:port]` that
    is about to be shown the login, once. Raises `CredentialMalformed` for a login that can't be sent. All methods
    raise `PullFailed` and nothing else. `blob` and `has_blob` may be called by several threads at once, the rest by
    one.
    """

    def __init__(
        self,
        host: str,
        *,
        login: Login | None,
        guard: AddressGuard,
        ca_file: Path | None = None,
        ca: str = "",
        token_hosts: Sequence[str] = (),
        timeouts: Timeouts | None = None,
        on_show: Callable[[str], None] | None = None,
    ) -> None:
        self.host = host
        self.limits: PullLimits | None = None
        """What the registry last said of how many pulls are left, with a manifest."""
        self._guard = guard
        try:
            self._place = location.read(f"https://{api_host(host)}/v2/")
        except location.LocationInvalid:
            raise HostNotAllowed(host=host) from None
        self._base: Location | None = None
        self._session = Session(host, guard, ca_file, timeouts, ca)
        self._handshake = Handshake(self._session, host, self._place.host, login, token_hosts, on_show)
        self._fetch = Fetch(self._session, self._handshake, host)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def abort(self) -> None:
        """End everything that is under way, from any thread; what waits for it fails with `RegistryUnreachable`."""
        self._session.abort()

    def resolve(self) -> None:
        """Check that the host has addresses, and only such as are allowed. Raises `HostNotAllowed`."""
        try:
            self._guard.addresses(self._place.host, self._place.port)
        except HostNotAllowed:
            failure = HostNotAllowed(host=self.host)
        else:
            return
        raise failure

    def connect(self) -> None:
        """Ping without credentials, and learn how to authenticate.

        Over TLS; over plain HTTP where the other end speaks no TLS and an operator opened its network.
        """
        self._ping()

    @property
    def over_tls(self) -> bool:
        """Whether the registry was found to speak TLS; False before `connect`, too."""
        return self._base is not None and self._base.scheme == "https"

    def authenticate(self, repository: str) -> None:
        """Get what it takes to pull from `repository`: Basic is checked, a Bearer token fetched."""
        self._check(repository)
        self._registry()  # which learns the challenge
        self._handshake.authorization(repository)

    def fetch_manifest(self, repository: str, version: str) -> Manifest | Index:
        """Return the manifest or index that a tag or digest names; its digest is computed, never believed."""
        self._check(repository)
        if not is_digest(version) and not is_tag(version):
            raise ImageNotFound(host=self.host, repository=repository, version=version, raw="name")
        answer = self._fetch.get(
            f"{self._registry().url}{repository}/manifests/{version}",
            {"Accept": ACCEPT},
            Stage.MANIFEST,
            repository=repository,
            version=version,
        )
        self.limits = read_limits(answer.headers) or self.limits
        raw = answer.read(MAX_MANIFEST_BYTES)
        if raw is None:
            raise UnsupportedManifest(reason="it is larger than 4 MiB", raw="size")
        expected = version if is_digest(version) else None
        document = read_document(raw, answer.headers.get("Content-Type", ""), expected)
        if answer.headers.get("Docker-Content-Digest", document.digest).strip() != document.digest:
            raise DigestMismatch(what="the manifest", raw="Docker-Content-Digest")
        return document

    def tags(self, repository: str) -> list[str]:
        """Return the repository's tags as the registry orders them, at most `tags.MAX_TAGS`, none twice."""
        self._check(repository)
        home = self._registry()
        found: dict[str, None] = {}
        url = f"{home.url}{repository}/tags/list?n={tags.PAGE_SIZE}"
        for _ in range(tags.MAX_PAGES):
            answer = self._fetch.get(url, {}, Stage.TAGS, repository=repository, version="any")
            found |= dict.fromkeys(tags.read_page(answer.read(tags.MAX_PAGE_BYTES), self.host))
            following = tags.next_page(answer.headers.get("Link", ""), url, home)
            if following is None or len(found) >= tags.MAX_TAGS:
                break
            url = following
        return list(found)[: tags.MAX_TAGS]

    def pick(self, repository: str, document: Manifest | Index, platform: Platform) -> Manifest:
        """Return the manifest for `platform`, fetched where `document` is an index. Raises `PlatformMissing`.

        A single manifest is returned as it is: its platform stands in its config.
        """
        if isinstance(document, Manifest):
            return document
        waiting, opened, offered = [(document, 1)], 0, []
        while waiting:
            index, depth = waiting.pop(0)
            opened += 1
            chosen = choose((e for e in index.entries if e.descriptor.media_type in MANIFESTS), platform)
            if chosen is not None:
                found = self._fetch_listed(repository, chosen.descriptor)
                if isinstance(found, Manifest):
                    return found
            offered += [entry.platform for entry in index.entries if not entry.is_attestation]
            for entry in index.entries:
                if entry.descriptor.media_type not in INDEXES:
                    continue
                if depth == MAX_INDEXES or opened + len(waiting) >= MAX_INDEXES:
                    raise UnsupportedManifest(reason="its lists of platforms are nested too deep", raw="index")
                nested = self._fetch_listed(repository, entry.descriptor)
                if isinstance(nested, Index):
                    waiting.append((nested, depth + 1))
        raise missing(platform, offered)

    def config(self, repository: str, manifest: Manifest) -> bytes:
        """Return the verified config of `manifest`, at most 8 MiB."""
        size = manifest.config.size
        if size > MAX_CONFIG_BYTES:
            raise UnsupportedManifest(reason="its config is larger than 8 MiB", raw="config size")
        body, filled = bytearray(size), 0
        with self.blob(repository, manifest.config, what="the config") as reader:
            while count := reader.readinto(memoryview(body)[filled:]):
                filled += count
        return bytes(body)

    def blob(
        self,
        repository: str,
        descriptor: Descriptor,
        *,
        offset: int = 0,
        digest_so_far: Hash | None = None,
        what: str = "",
    ) -> VerifyingReader:
        """Open a blob. To resume, pass the reader's `received` as `offset` and its `digest_so_far`.

        A registry that refuses ranges sends everything again; the first `offset` bytes are then dropped.
        """
        self._check(repository)
        blobs.check_request(descriptor, offset, digest_so_far)
        what = what or f"layer {descriptor.digest[:19]}"
        answer = self._fetch.get(
            f"{self._registry().url}{repository}/blobs/{descriptor.digest}",
            {"Range": f"bytes={offset}-{descriptor.size - 1}"} if offset else {},
            Stage.BLOB,
            repository=repository,
            version=descriptor.digest,
        )
        return blobs.open_reader(
            answer, descriptor, offset, digest_so_far, what=what, host=self.host, timeouts=self._session.timeouts
        )

    def has_blob(self, repository: str, descriptor: Descriptor) -> bool:
        """Tell whether the registry would let this login read that blob of the repository."""
        self._check(repository)
        blobs.check_request(descriptor, 0, None)
        return self._fetch.confirms(f"{self._registry().url}{repository}/blobs/{descriptor.digest}", repository)

    def _fetch_listed(self, repository: str, descriptor: Descriptor) -> Manifest | Index:
        if descriptor.size > MAX_MANIFEST_BYTES:
            raise UnsupportedManifest(reason="it is larger than 4 MiB", raw="size")
        document = self.fetch_manifest(repository, descriptor.digest)
        if len(document.raw) != descriptor.size:
            raise DigestMismatch(what="the manifest", raw="size")
        if document.media_type != descriptor.media_type:
            raise UnsupportedManifest(reason="it contradicts itself about its type", raw="media type")
        return document

    def _check(self, repository: str) -> None:
        if not is_repository(repository):
            raise ImageNotFound(host=self.host, repository=repository, version="", raw="name")

    def _registry(self) -> Location:
        """The address of `/v2/`, which `connect` finds."""
        return self._base or self._ping()

    def _ping(self) -> Location:
        place = self._place
        try:
            answer = self._session.get(place.url)
        except RegistryUnreachable as failure:
            talks = failure.params.get("reason") in {NOT_TLS, BROKE_OFF}
            if not talks or not self._guard.opens(place.host, place.port):
                raise
            place = location.read(f"http{place.url.removeprefix('https')}")
            answer = self._session.get(place.url)
        body = answer.read(SHORT_BODY)
        if answer.status == 401:
            self._handshake.learn(answer.headers.get("WWW-Authenticate", ""), place.url)
        elif answer.status != 200:
            raise response_failure(Stage.PING, answer.status, answer.headers, body or b"", host=self.host)
        self._base = place
        return place
