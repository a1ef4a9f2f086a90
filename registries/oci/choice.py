"""Which manifest of an index is the image for a platform.

    an entry that names the platform  →  one that names none, by its image's config  →  an index within the index

Entries that are not chosen are neither checked nor fetched. `platform` is optional in an index (image specification,
"Image Index"), and containerd, too, looks into the config where it is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from registries.failures import DigestMismatch, ImageNotFound, UnsupportedManifest, Where
from registries.oci.config import platform_of
from registries.oci.manifest import (
    GENERIC,
    INDEXES,
    MANIFESTS,
    MAX_MANIFEST_BYTES,
    Entry,
    Index,
    Manifest,
)
from registries.oci.platform import Platform, missing

MAX_INDEXES = 3
"""Both how deep indexes may be nested and how many are read in search of a platform."""
MAX_UNNAMED = 8
"""How many entries without a platform are fetched in search of one."""


class Source(Protocol):
    """Where documents come from, such as `registries.oci.client.RegistryClient`."""

    def fetch_manifest(self, repository: str, version: str) -> Manifest | Index: ...

    def config(self, repository: str, manifest: Manifest) -> bytes: ...


class Search:
    """The search for an image of `platform` in a repository. `where` is the registry that failures name."""

    def __init__(self, source: Source, repository: str, platform: Platform, where: Where) -> None:
        self._source = source
        self._repository = repository
        self._platform = platform
        self._where = where
        self._offered: list[Platform | None] = []
        self._fetched = 0

    def choose(self, index: Index) -> Manifest:
        """Return the manifest of the image that a node should run. Raises `PlatformMissing`, `UnsupportedManifest` if
        what is chosen is no image, and what `Source` raises."""
        pending, opened = [index], 0
        while pending:
            entries = pending.pop(0).entries
            opened += 1
            found = self._named(entries) or self._unnamed(entries)
            if found is not None:
                return found
            for entry in entries:
                if entry.media_type not in INDEXES or not self._may_have(entry):
                    continue
                if opened + len(pending) >= MAX_INDEXES:
                    raise UnsupportedManifest(reason="its lists of platforms are nested too deep", raw="index")
                nested = self._fetch(entry)
                if isinstance(nested, Index):
                    pending.append(nested)
        raise missing(self._platform, self._offered)

    def _named(self, entries: tuple[Entry, ...]) -> Manifest | None:
        self._offered += [entry.platform for entry in entries if is_candidate(entry)]
        entry = choose(entries, self._platform)
        found = self._fetch(entry) if entry else None
        return replace(found, platform=entry.platform) if entry and isinstance(found, Manifest) else None

    def _unnamed(self, entries: tuple[Entry, ...]) -> Manifest | None:
        images = [entry for entry in entries if is_candidate(entry)]
        is_alone = len(images) == 1
        for found, platform in self._configured([entry for entry in images if entry.platform is None], is_alone):
            self._offered.append(platform)
            if platform and (self._platform.runs(platform) or (is_alone and self._platform.may_run(platform))):
                return found
        return None

    def _configured(self, entries: list[Entry], is_alone: bool) -> Iterator[tuple[Manifest, Platform | None]]:
        """The images among these entries, each with the platform of its config. Other artifacts, and those that are
        gone, are left out, unless there is nothing else."""
        for entry in entries:
            if self._fetched == MAX_UNNAMED:
                return
            self._fetched += 1
            try:
                found = self._fetch(entry)
                if isinstance(found, Manifest):
                    yield found, platform_of(self._source.config(self._repository, found))
            except (UnsupportedManifest, ImageNotFound):
                if is_alone:
                    raise

    def _may_have(self, entry: Entry) -> bool:
        return not entry.is_attestation and (entry.platform is None or self._platform.may_run(entry.platform))

    def _fetch(self, entry: Entry) -> Manifest | Index:
        descriptor = entry.descriptor
        if descriptor.size > MAX_MANIFEST_BYTES:
            raise UnsupportedManifest(case="too_large", reason="it is larger than 4 MiB", raw="size")
        document = self._source.fetch_manifest(self._repository, descriptor.digest)
        if len(document.raw) != descriptor.size:
            raise DigestMismatch(what="the manifest", raw="size", **self._where)
        kind = MANIFESTS if isinstance(document, Manifest) else INDEXES
        if entry.media_type not in kind | GENERIC:
            raise UnsupportedManifest(reason="it contradicts itself about its type", raw="media type")
        return document


def choose(entries: Iterable[Entry], wanted: Platform) -> Entry | None:
    """Return the entry whose platform a node of `wanted` should run, one that any can if there is one (containerd, too,
    asks for `os.features`); None if none of them names such a one."""
    images = sorted((entry for entry in entries if is_candidate(entry)), key=lambda entry: entry.is_special)
    position = wanted.choose(entry.platform for entry in images)
    return None if position is None else images[position]


def is_candidate(entry: Entry) -> bool:
    """Whether an entry may be an image: by its type, and by nothing that says it is something else."""
    return entry.media_type in MANIFESTS | GENERIC and not entry.is_attestation
