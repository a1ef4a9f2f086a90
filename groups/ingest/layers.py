"""Moves layers from the registry into the store: verified, compressed, encrypted and stored in one pass.

The largest come first, as many at once as there are cores; their threads query no database. The calling thread writes
their progress and commits each layer once it is stored. A transfer that breaks off is resumed where it stopped. Layers
that the organization has already are reused instead (`groups.ingest.reuse`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Self

from groups import failpoints
from groups.failpoints import reached
from groups.ingest import fenced_writes, limits, reuse
from groups.ingest.claim import Claim
from groups.ingest.layer_reader import LayerReader, StoredLayer
from groups.ingest.pace import Pace
from groups.rules.states import Stale
from groups.storage import store
from registries.failures import (
    AccessDenied,
    ImageNotFound,
    PullFailed,
    RateLimited,
    RegistryRefuses,
    RegistryUnreachable,
    ResolverFailed,
    Unexpected,
    Where,
)
from registries.oci.blobs import lies_outside
from registries.oci.client import RegistryClient
from registries.oci.manifest import Descriptor, Manifest
from registries.oci.verifying_reader import VerifyingReader

PROGRESS_SECONDS = 0.5
MAX_RESUMES = 3
REOPEN_AFTER_SECONDS = (1.0, 4.0, 4.0)
"""How long to wait after each time that a transfer could not be resumed."""
MAX_PAUSE_SECONDS = 30.0
MAX_THREADS = 8
MAX_CLEANUP_SECONDS = 3.0
"""How long to wait for the threads when the pull ends."""

_PASSING = (RegistryUnreachable, RateLimited, ResolverFailed)
_REFUSALS = (ImageNotFound, AccessDenied, RegistryRefuses, Unexpected)


class ResumingReader:
    """Reads a blob to its verified end, and resumes where the registry broke off. Read by one thread; others may read
    `received`. `pause` waits for some seconds. Raises PullFailed."""

    def __init__(
        self,
        client: RegistryClient,
        repository: str,
        descriptor: Descriptor,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._client = client
        self._repository = repository
        self._descriptor = descriptor
        self._pause = pause
        self._resumes = 0
        self._waited_before = 0.0
        self._reader: VerifyingReader = client.blob(repository, descriptor)

    @property
    def received(self) -> int:
        """Bytes that have arrived so far."""
        return self._reader.received

    @property
    def waited(self) -> float:
        """Seconds that reads have waited for the registry, the current one included."""
        return self._waited_before + self._reader.waited

    @property
    def where(self) -> Where:
        """Which service of the registry sends the current response."""
        return self._reader.where

    def readinto(self, buffer: memoryview) -> int:
        """See `VerifyingReader.readinto`."""
        while True:
            try:
                return self._reader.readinto(buffer)
            except RegistryUnreachable as failure:
                broke_off = failure
            if not self._reader.received:
                raise broke_off
            self._reader.close()
            self._reopen(broke_off)

    def _reopen(self, failure: PullFailed) -> None:
        """Continue with another response. One that can't be had counts like one that breaks off."""
        broken = self._reader
        while self._resumes < MAX_RESUMES:
            self._resumes += 1
            try:
                reader = self._client.blob(
                    self._repository, self._descriptor, offset=broken.received, digest_so_far=broken.digest_so_far
                )
            except (*_REFUSALS, *_PASSING) as refusal:
                failure = refusal
            else:
                self._waited_before += broken.waited
                self._reader = reader
                return
            seconds = failure.retry_after or REOPEN_AFTER_SECONDS[self._resumes - 1]
            if self._resumes == MAX_RESUMES or seconds > MAX_PAUSE_SECONDS:
                break
            self._pause(seconds)
        raise _without_verdict(failure, broken.where)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._reader.close()


def _without_verdict(failure: PullFailed, where: Where) -> PullFailed:
    """Return the failure of a transfer that can't be resumed. The registry was sending the layer a moment ago, from
    `where`, so a refusal says nothing about the image or the login; the next attempt asks from the start."""
    if failure.retryable or not isinstance(failure, _REFUSALS):
        return failure
    broken = RegistryUnreachable(case="answer", reason="it did not send the rest of a layer", raw=failure.raw, **where)
    broken.params |= {name: failure.params[name] for name in ("host", "service", "met") if name in failure.params}
    return broken


@dataclass
class Transfer:
    """The transfer of one layer. Its own thread runs `run`; others may read `received`."""

    client: RegistryClient
    repository: str
    descriptor: Descriptor
    is_uncompressed: bool
    name: str
    claim: Claim
    stop: threading.Event
    source: ResumingReader | None = None

    @property
    def received(self) -> int:
        """Bytes that have arrived so far."""
        return self.source.received if self.source else 0

    @property
    def waited(self) -> float:
        """Seconds that it has waited for the registry."""
        return self.source.waited if self.source else 0.0

    def run(self) -> StoredLayer:
        """Pull, verify, compress, encrypt and store the layer. Raises PullFailed, or Stale once `stop` is set."""
        self._check()
        reached(failpoints.LAYER_BEGINS)
        with (
            self._open() as self.source,
            LayerReader(
                self.source, self.descriptor, is_uncompressed=self.is_uncompressed, check=self._check
            ) as reader,
        ):
            store.put(self.name, reader)
        reached(failpoints.LAYER_STORED)
        return reader.stored_layer()

    def _open(self) -> ResumingReader:
        try:
            return ResumingReader(self.client, self.repository, self.descriptor, self._wait)
        except ImageNotFound:
            if not self.descriptor.outside:
                raise
        raise lies_outside(self.descriptor)

    def _wait(self, seconds: float) -> None:
        self.stop.wait(seconds)
        self._check()

    def _check(self) -> None:
        if self.stop.is_set():
            raise Stale("the pull has ended")
        self.claim.check()


@dataclass
class Summary:
    """How many layers, each digest counted once, were kept from an earlier attempt, reused from other images, and
    compressed while pulling."""

    kept: int = 0
    reused: int = 0
    compressed: int = 0


def pull_layers(
    claim: Claim, client: RegistryClient, repository: str, manifest: Manifest, uncompressed: Collection[str] = ()
) -> Summary:
    """Store and commit every layer that is not committed yet. `uncompressed` are the digests of uncompressed layers.

    Adds the names of the new blobs to `claim.blobs`. Raises PullFailed, or Stale where the claim is lost.
    """
    committed = fenced_writes.committed_blobs(claim)
    wanted = {layer.digest: layer for layer in manifest.layers if layer.digest not in committed}
    reused = reuse.reuse_layers(claim, client, repository, wanted.values(), uncompressed)
    wanted = {digest: layer for digest, layer in wanted.items() if digest not in reused}
    summary = Summary(kept=len(committed), reused=len(reused))
    stop = threading.Event()
    transfers = [
        Transfer(
            client,
            repository,
            layer,
            layer.digest in uncompressed,
            store.new_name(claim.image.organization_id),
            claim,
            stop,
        )
        for layer in sorted(wanted.values(), key=lambda layer: -layer.size)
    ]
    claim.blobs.update(transfer.name for transfer in transfers)
    pool = ThreadPoolExecutor(_threads(), thread_name_prefix="layer")
    futures = {pool.submit(transfer.run): transfer for transfer in transfers}
    try:
        _commit_each(claim, futures, summary, Pace(manifest.declared_bytes, claim.image.registry))
    except BaseException:
        stop.set()
        client.abort()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        wait(futures, timeout=MAX_CLEANUP_SECONDS)
    return summary


def _commit_each(claim: Claim, futures: dict[Future[StoredLayer], Transfer], summary: Summary, pace: Pace) -> None:
    waiting, max_bytes = set(futures), limits.max_image_bytes(claim.image)
    while waiting:
        done, waiting = wait(waiting, timeout=PROGRESS_SECONDS, return_when=FIRST_COMPLETED)
        claim.check()
        claim.received = sum(transfer.received for transfer in futures.values())
        limits.enforce_bytes(claim.received, max_bytes)
        if waiting:
            slow = next((futures[future].source for future in waiting if futures[future].source), None)
            waited = sum(transfer.waited for transfer in futures.values())
            pace.check(claim.received, waited, slow.where if slow else None)
        for future in done:
            transfer = futures[future]
            stored = future.result()
            fenced_writes.commit_layer(claim, transfer.descriptor, stored, transfer.name)
            summary.compressed += stored.is_compressed_from(transfer.descriptor)
            reached(failpoints.LAYER_COMMITTED)
        fenced_writes.write_progress(
            claim, {futures[future].descriptor.digest: futures[future].received for future in waiting}
        )


def _threads() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return min(max(cores, 2), MAX_THREADS)
