"""Verifies the digest and size of a body while it is read.

The last bytes are returned only after both match, so a caller that reads to the end has the right content, and one that
stops early knows that it has not.
"""

from __future__ import annotations

import hashlib
import time
from typing import Protocol, Self

from registries.failures import DigestMismatch, PullFailed, RegistryUnreachable, Service, Where
from registries.oci.timeouts import Timeouts


class Hash(Protocol):
    """A hash object of hashlib, whose class has no public name."""

    def update(self, data: bytes | memoryview, /) -> None: ...

    def hexdigest(self) -> str: ...

    def copy(self) -> Hash: ...


class Stream(Protocol):
    """The source of the bytes, such as `registries.oci.responses.Response`."""

    def readinto1(self, buffer: memoryview) -> int: ...

    def close(self) -> None: ...


class VerifyingReader:
    """Reads `size` bytes that must have `digest` (`sha256:<hex>`). A context manager; not shared by threads.

    `what` names the content in failures. A resumed transfer passes `received` and the hash of those bytes
    (`digest_so_far` of the earlier reader). `skip` bytes are dropped first, for a registry that sent everything again.
    `where` is the service that sends; without it, the registry at `host`. A body slower than `timeouts.rate` is
    aborted.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        digest: str,
        size: int,
        what: str,
        host: str = "",
        timeouts: Timeouts | None = None,
        received: int = 0,
        digest_so_far: Hash | None = None,
        skip: int = 0,
        where: Where | None = None,
    ) -> None:
        self.size = size
        self.received = received
        self._stream = stream
        self._digest = digest
        self._hash: Hash = digest_so_far.copy() if digest_so_far else hashlib.sha256()
        self._what = what
        self._where: Where = where or {"host": host, "service": Service.REGISTRY, "met": host}
        self._timeouts = timeouts or Timeouts()
        self._skip = skip
        self._verified = False
        self._pending: PullFailed | None = None
        self._waited = 0.0
        self._counted = 0
        self._waited_before = 0.0
        self._reading_since: float | None = None

    @property
    def where(self) -> Where:
        """Which service of which registry sends."""
        return self._where

    @property
    def waited(self) -> float:
        """Seconds spent in reads of the stream, one in progress included. Any thread may ask."""
        since = self._reading_since
        now = 0.0 if since is None else time.monotonic() - since
        return self._waited_before + now

    @property
    def digest_so_far(self) -> Hash:
        """The hash of the `received` bytes that were returned."""
        return self._hash.copy()

    def readinto(self, buffer: memoryview | bytearray) -> int:
        """Fill `buffer` as far as there are bytes; return their number, 0 once everything was read and verified.

        Raises `DigestMismatch` instead of returning the last bytes of a body that does not match, and
        `RegistryUnreachable` when the transfer broke; it can be resumed after the bytes returned so far.
        """
        if self._pending:
            raise self._pending
        if self._verified:
            return 0
        if not buffer and self.received < self.size:
            raise ValueError("an empty buffer would look like the end")
        view = memoryview(buffer)[: self.size - self.received]
        filled = 0
        try:
            self._drop_skipped()
            while filled < len(view):
                count = self._timed(view[filled:])
                if count == 0:
                    raise self._mismatch("short")
                filled += count
        except RegistryUnreachable as failure:
            if not filled:
                raise
            self._pending = failure
        # A failure from here on leaves `received` and its hash unchanged, so that they still match.
        hashed = self._hash.copy()
        hashed.update(view[:filled])
        if self.received + filled == self.size:
            self._verify(hashed)
        self._hash = hashed
        self.received += filled
        return filled

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _verify(self, hashed: Hash) -> None:
        if self._timed(memoryview(bytearray(1))):
            raise self._mismatch("long")
        if f"sha256:{hashed.hexdigest()}" != self._digest:
            raise self._mismatch("digest")
        self._verified = True

    def _drop_skipped(self) -> None:
        dropped = memoryview(bytearray(min(self._skip, 64 * 1024)))
        while self._skip:
            count = self._timed(dropped[: self._skip])
            if count == 0:
                raise self._mismatch("short")
            self._skip -= count

    def _timed(self, view: memoryview) -> int:
        """Read once, and enforce the minimum rate. Only time spent reading counts."""
        began = self._reading_since = time.monotonic()
        try:
            count = self._stream.readinto1(view)
        finally:
            spent = time.monotonic() - began
            self._reading_since = None
            self._waited_before += spent
        self._waited += spent
        self._counted += count
        if self._waited >= self._timeouts.rate_window:
            if self._counted < self._timeouts.rate * self._waited:
                self.close()
                raise RegistryUnreachable(reason="it sends too slowly", raw="slow", **self._where)
            self._waited, self._counted = 0.0, 0
        return count

    def _mismatch(self, raw: str) -> DigestMismatch:
        self.close()
        self._pending = DigestMismatch(what=self._what, raw=raw, **self._where)
        return self._pending
