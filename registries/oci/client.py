"""One registry, one login, one pull: a method for each step that the pipeline takes.

Responses are verified here (digests, sizes, types); `groups.ingest` decides whether an image is wanted. Redirects of
manifests and blobs are followed anywhere, without credentials outside the registry's origin, and those of the ping and
of the token service within their origin alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from registries.failures import (
    DigestMismatch,
    HostNotAllowed,
    ImageNotFound,
    PullFailed,
    RegistryUnreachable,
    Service,
    UnsupportedManifest,
    Where,
    registry_itself,
)
from registries.oci import blobs, location, tags
from registries.oci.address_guard import ADDRESS_FAILURES, AddressGuard, named_failure
from registries.oci.auth import Handshake
from registries.oci.choice import Search
from registries.oci.config import MAX_CONFIG_BYTES
from registries.oci.errors import Stage, is_json_document
from registries.oci.fetch import Fetch
from registries.oci.location import Location
from registries.oci.login import Login
from registries.oci.manifest import ACCEPT, MAX_MANIFEST_BYTES, Descriptor, Index, Manifest, digest_of, read_document
from registries.oci.ping import Ping
from registries.oci.platform import Platform
from registries.oci.rate_limits import PullLimits, read_limits
from registries.oci.reference import api_host, is_digest, is_repository, is_tag
from registries.oci.responses import Response
from registries.oci.timeouts import Timeouts
from registries.oci.tls_hosts import TlsHosts, TlsHostsOfClient
from registries.oci.transport import Session
from registries.oci.verifying_reader import Hash, VerifyingReader

MAX_OUTSIDE_CHECKED = 8


class RegistryClient:
    """Reads from the registry at `host` (`host[:port]`, the form of `Reference.registry`).

    `ca_file` and `ca` (PEM) add authorities to the public ones. `token_hosts` are known to sign in for this registry;
    `sign_in_host` was confirmed by a member and gets the login over TLS alone. `before_login_sent` is called once with
    each `host[:port]`, just before the login is sent there. `tls_hosts` remembers who has spoken TLS, beyond this
    client if it is given. Raises `CredentialMalformed` for a login that can't be sent. All methods raise `PullFailed`
    and nothing else. Several threads may call `blob` and `has_blob` at once; the other methods are for one thread.
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
        sign_in_host: str = "",
        timeouts: Timeouts | None = None,
        before_login_sent: Callable[[str], None] | None = None,
        tls_hosts: TlsHosts | None = None,
    ) -> None:
        self.host = host
        self.limits: PullLimits | None = None
        """How many pulls are left, from the last response with a manifest that says so."""
        self._guard = guard
        try:
            self._place = location.read(f"https://{api_host(host)}/v2/")
        except location.LocationInvalid:
            raise HostNotAllowed(**registry_itself(host)) from None
        self._where: Where = {"host": host, "service": Service.REGISTRY, "met": self._place.authority}
        self._config: tuple[Descriptor | None, bytes] = (None, b"")
        self._session = Session(host, guard, ca_file, timeouts, ca)
        tls_hosts = tls_hosts or TlsHostsOfClient()
        self._handshake = Handshake(
            self._session, host, self._place.host, login, token_hosts, sign_in_host, before_login_sent, tls_hosts
        )
        self._ping = Ping(self._session, self._place, self._where, guard, self._handshake, tls_hosts)
        self._fetch = Fetch(self._session, self._handshake)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def abort(self) -> None:
        """End all requests in progress, from any thread; they fail with `RegistryUnreachable`."""
        self._session.abort()

    def resolve(self) -> None:
        """Check that the host has addresses and that all of them are allowed. Raises `HostUnknown`, `ResolverFailed` or
        `HostNotAllowed`."""
        try:
            self._guard.addresses(self._place.host, self._place.port)
        except ADDRESS_FAILURES as refusal:
            failure = named_failure(refusal, self._where)
        else:
            return
        raise failure

    def connect(self, repository: str = "", version: str = "") -> None:
        """Ping without credentials, and learn how to authenticate. If the ping is refused and an image is given, its
        manifest shows whether this is a registry all the same.

        Uses TLS, or unencrypted HTTP if the host doesn't speak TLS, never did before, and an operator opened its
        network for that. Raises `TlsInvalid` if it did before.
        """
        self._ping.ask()
        if self._ping.doubt is not None and repository:
            try:
                self.fetch_manifest(repository, version)
            except PullFailed as failure:
                if failure is self._ping.doubt:
                    raise

    @property
    def ping_doubt(self) -> PullFailed | None:
        """How the ping was refused by a registry that may send images all the same. Raised by `fetch_manifest` if the
        host has not answered as a registry then either."""
        return self._ping.doubt

    @property
    def over_tls(self) -> bool:
        """Whether the registry speaks TLS; False before `connect`."""
        return self._ping.base is not None and self._ping.base.scheme == "https"

    def authenticate(self, repository: str, version: str = "") -> None:
        """Get authorization to pull from `repository`: show Basic credentials to the ping, or fetch a Bearer token.

        Raises `AuthenticationFailed` for credentials that are refused. Where the ping alone refuses them, the manifest
        of `version` decides, if one is given.
        """
        self._check(repository)
        registry = self._registry()  # reads the challenge
        self._handshake.authorization(repository)
        if self._handshake.doubt is None:
            return
        if not is_digest(version) and not is_tag(version):
            raise self._handshake.doubt
        self._fetch.try_login(f"{registry.url}{repository}/manifests/{version}", repository)

    def fetch_manifest(self, repository: str, version: str) -> Manifest | Index:
        """Return the manifest or index of a tag or digest. Its digest is computed and not taken from the response."""
        self._check(repository)
        if not is_digest(version) and not is_tag(version):
            raise ImageNotFound(host=self.host, repository=repository, version=version, raw="name")
        url = f"{self._registry().url}{repository}/manifests/{version}"
        with self._ping.doubting():
            response = self._fetch.get(url, {"Accept": ACCEPT}, Stage.MANIFEST, repository=repository, version=version)
        self.limits = read_limits(response.headers) or self.limits
        raw = response.read(MAX_MANIFEST_BYTES)
        if raw is None:
            raise UnsupportedManifest(case="too_large", reason="it is larger than 4 MiB", raw="size")
        if not is_json_document(raw):
            reason = "it sent something else than a manifest, such as a web page"
            raise RegistryUnreachable(case="answer", reason=reason, raw="200 no manifest", **response.where)
        expected = version if is_digest(version) else None
        # Of what was asked for by its digest nothing else decides, and some send an empty or another kind of digest.
        announced = response.headers.get("Docker-Content-Digest", "").strip(' "')
        differs = expected is None and is_digest(announced) and announced != digest_of(raw)
        try:
            document = read_document(raw, response.headers.get("Content-Type", ""), expected, response.where)
        except UnsupportedManifest as failure:
            if not (differs and failure.raw == "json"):  # cut short on the way, which passes
                raise
        else:
            if not differs:
                return document
        raise DigestMismatch(what="the manifest", raw="Docker-Content-Digest", **response.where)

    def tags(self, repository: str) -> list[str]:
        """Return the repository's tags without duplicates, in the registry's order, at most `tags.MAX_TAGS`."""
        self._check(repository)
        home = self._registry()
        found: dict[str, None] = {}
        url = f"{home.url}{repository}/tags/list?n={tags.PAGE_SIZE}"
        for _ in range(tags.MAX_PAGES):
            response = self._fetch.get(url, {}, Stage.TAGS, repository=repository, version="any")
            found |= dict.fromkeys(tags.read_page(response.read(tags.MAX_PAGE_BYTES), response.where))
            following = tags.next_page(response.headers.get("Link", ""), url, home)
            if following is None or len(found) >= tags.MAX_TAGS:
                break
            url = following
        return list(found)[: tags.MAX_TAGS]

    def pick(self, repository: str, document: Manifest | Index, platform: Platform) -> Manifest:
        """Return the manifest for `platform`, fetched where `document` is an index. Raises `PlatformMissing`.

        A single manifest is returned unchanged: only its config names its platform.
        """
        if isinstance(document, Manifest):
            return document
        return Search(self, repository, platform, self._where).choose(document)

    def config(self, repository: str, manifest: Manifest) -> bytes:
        """Return the verified config of `manifest`, at most 4 MiB. The last one is kept, because it may have been
        fetched to choose the image."""
        if manifest.config == self._config[0]:
            return self._config[1]
        size = manifest.config.size
        if size > MAX_CONFIG_BYTES:
            raise UnsupportedManifest(case="too_large", reason="its config is larger than 4 MiB", raw="config size")
        body, filled = bytearray(size), 0
        with self.blob(repository, manifest.config, what="the config") as reader:
            while count := reader.readinto(memoryview(body)[filled:]):
                filled += count
        self._config = (manifest.config, bytes(body))
        return self._config[1]

    def check_outside(self, repository: str, manifest: Manifest) -> None:
        """Check that the registry has the layers that may lie outside of it, the first few if there are many. Raises
        `UnsupportedManifest`, or what keeps the registry from saying so, such as a limit."""
        for layer in list(dict.fromkeys(layer for layer in manifest.layers if layer.outside))[:MAX_OUTSIDE_CHECKED]:
            if self.has_blob(repository, layer):
                continue
            with suppress(ImageNotFound):
                self.blob(repository, layer).close()
                continue
            raise blobs.lies_outside(layer)

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
        url = f"{self._registry().url}{repository}/blobs/{descriptor.digest}"
        if offset:
            response = self._fetch.get_rest(url, offset, descriptor.size - 1, repository, descriptor.digest)
            with suppress(DigestMismatch):  # another range than the one that was asked for
                return self._reader(response, descriptor, offset, digest_so_far, what)
        response = self._fetch.get(url, {}, Stage.BLOB, repository, descriptor.digest)
        return self._reader(response, descriptor, offset, digest_so_far, what)

    def _reader(
        self, response: Response, descriptor: Descriptor, offset: int, digest_so_far: Hash | None, what: str
    ) -> VerifyingReader:
        return blobs.open_reader(
            response, descriptor, offset, digest_so_far, what=what, host=self.host, timeouts=self._session.timeouts
        )

    def has_blob(self, repository: str, descriptor: Descriptor) -> bool:
        """Whether the registry lets this login read that blob of the repository."""
        self._check(repository)
        blobs.check_request(descriptor, 0, None)
        return self._fetch.is_readable(f"{self._registry().url}{repository}/blobs/{descriptor.digest}", repository)

    def _check(self, repository: str) -> None:
        if not is_repository(repository):
            raise ImageNotFound(host=self.host, repository=repository, version="", raw="name")

    def _registry(self) -> Location:
        """The address of `/v2/`, found by `connect`."""
        return self._ping.base or self._ping.ask()
