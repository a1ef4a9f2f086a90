"""Moves layers from the registry into the store: verified, encrypted and stored in one pass.

One thread a layer, the largest first, as many as there are cores; they touch no database. The calling thread writes
their progress, and commits each layer once it is stored. A transfer that breaks off is resumed where it stopped.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Self

from groups import failpoints, store
from groups.failpoints import reached
from groups.ingest import limits, rows
from groups.ingest.claim import Claim
from groups.ingest.encrypt import EncryptingReader, Sealed
from groups.states import Stale
from registries.failures import RegistryUnreachable
from registries.oci.client import RegistryClient
from registries.oci.manifest import Descriptor, Manifest
from registries.oci.reader import VerifyingReader

PROGRESS_SECONDS = 0.5
MOST_RESUMES = 3
MOST_THREADS = 8
LAST_WORDS_SECONDS = 3.0
"""How long threads get to clean up after themselves when everything stops."""


class ResumingReader:
    """Reads a blob to its verified end, asking for the rest where the registry broke off."""

    def __init__(self, client: RegistryClient, repository: str, descriptor: Descriptor) -> None:
        self._client = client
        self._repository = repository
        self._descriptor = descriptor
        self._resumes = 0
        self._reader: VerifyingReader = client.blob(repository, descriptor)

    def readinto(self, buffer: memoryview) -> int:
        """See `VerifyingReader.readinto`."""
        while True:
            try:
                return self._reader.readinto(buffer)
            except RegistryUnreachable:
                if self._resumes == MOST_RESUMES or not self._reader.received:
                    raise
            self._resumes += 1
            broken = self._reader
            broken.close()
            self._reader = self._client.blob(
                self._repository, self._descriptor, offset=broken.received, digest_so_far=broken.digest_so_far
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._reader.close()


@dataclass
class Transfer:
    """One blob on its way. Its thread runs `run`; others may look at `received`."""

    client: RegistryClient
    repository: str
    descriptor: Descriptor
    name: str
    claim: Claim
    stop: threading.Event
    reader: EncryptingReader | None = None

    @property
    def received(self) -> int:
        """Bytes that have come so far."""
        return self.reader.received if self.reader else 0

    def run(self) -> Sealed:
        """Pull, verify, encrypt, store. Raises PullFailed, or Stale when told to stop."""
        self._check()
        reached(failpoints.LAYER_BEGINS)
        with ResumingReader(self.client, self.repository, self.descriptor) as plain:
            self.reader = EncryptingReader(plain, size=self.descriptor.size, check=self._check)
            store.put(self.name, self.reader)
        reached(failpoints.LAYER_STORED)
        return self.reader.sealed()

    def _check(self) -> None:
        if self.stop.is_set():
            raise Stale("told to stop")
        self.claim.check()


def pull_layers(claim: Claim, client: RegistryClient, repository: str, manifest: Manifest) -> int:
    """Store and commit every layer that is not committed yet; return how many blobs came.

    Raises PullFailed, or Stale where the claim was lost. The names of all blobs stand in `claim.blobs` then.
    """
    kept = rows.committed(claim)
    claim.blobs.update(kept.values())
    stop = threading.Event()
    wanted = {layer.digest: layer for layer in manifest.layers if layer.digest not in kept}
    transfers = [
        Transfer(client, repository, layer, store.new_name(claim.image.organization_id), claim, stop)
        for layer in sorted(wanted.values(), key=lambda layer: -layer.size)
    ]
    claim.blobs.update(transfer.name for transfer in transfers)
    pool = ThreadPoolExecutor(_threads(), thread_name_prefix="layer")
    futures = {pool.submit(transfer.run): transfer for transfer in transfers}
    try:
        _commit_each(claim, futures)
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        wait(futures, timeout=LAST_WORDS_SECONDS)
    return len(transfers)


def _commit_each(claim: Claim, futures: dict[Future[Sealed], Transfer]) -> None:
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, timeout=PROGRESS_SECONDS, return_when=FIRST_COMPLETED)
        claim.check()
        limits.judge_bytes(sum(transfer.received for transfer in futures.values()))
        for future in done:
            transfer = futures[future]
            rows.commit_layer(claim, transfer.descriptor.digest, future.result(), transfer.name)
            reached(failpoints.LAYER_COMMITTED)
        rows.write_progress(claim, {futures[each].descriptor.digest: futures[each].received for each in waiting})


def _threads() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return min(max(cores, 2), MOST_THREADS)
