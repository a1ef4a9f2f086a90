"""Reads an image's config: its platform, its layers, and the build line behind each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from registries.failures import UnsupportedManifest, printable
from registries.oci.config_types import unreadable_field
from registries.oci.manifest import Manifest, read_json
from registries.oci.platform import Platform, missing
from registries.oci.reference import is_digest
from registries.oci.registry_json import names_twice

MAX_CONFIG_BYTES = 4 * 1024 * 1024
"""What podman and skopeo read at most (containers/image, `iolimits`)."""
_MAX_LINE_LENGTH = 200


@dataclass(frozen=True)
class Config:
    """`diff_ids` and `created_by` have one entry for each layer of the manifest; an unknown line is empty."""

    platform: Platform
    diff_ids: tuple[str, ...]
    created_by: tuple[str, ...]

    def uncompressed(self, manifest: Manifest) -> frozenset[str]:
        """Return the digests of the layers that are uncompressed: those of their content are the same."""
        return frozenset(digest for digest, content in self.contents(manifest).items() if digest == content)

    def contents(self, manifest: Manifest) -> dict[str, str]:
        """Return the digest of each layer's content by the digest of the layer. Uncompressed layers have the same."""
        return {layer.digest: diff_id for layer, diff_id in zip(manifest.layers, self.diff_ids, strict=True)}


def read_config(raw: bytes, manifest: Manifest, platform: Platform) -> Config:
    """Read the config of `manifest`.

    Raises `PlatformMissing` if its platform does not run on `platform`, regardless of the index, and
    `UnsupportedManifest` if the config doesn't fit the manifest.
    """
    document = _read(raw)
    offered = Platform.of_entry(document) or manifest.platform
    if offered is None or not _may_run(offered, platform, is_bare=not document.get("variant")):
        raise missing(platform, [offered])
    rootfs = document.get("rootfs")
    if not isinstance(rootfs, dict) or names_twice(rootfs, "diff_ids") or (rootfs.get("type") or "layers") != "layers":
        raise UnsupportedManifest(reason="its config does not list its layers", raw="diff_ids")
    diff_ids = rootfs.get("diff_ids")
    if not isinstance(diff_ids, list) or not all(isinstance(digest, str) and is_digest(digest) for digest in diff_ids):
        raise UnsupportedManifest(reason="its config does not list its layers", raw="diff_ids")
    if len(diff_ids) != len(manifest.layers):
        raise UnsupportedManifest(reason="its config and its manifest differ about its layers", raw="diff_ids")
    if unreadable := unreadable_field(document):
        raise UnsupportedManifest(reason=f"its config has a value of {unreadable} that nodes can't read", raw="config")
    config = Config(offered, tuple(diff_ids), _build_lines(document.get("history"), len(diff_ids)))
    contents = config.contents(manifest)
    if any(contents[layer.digest] != diff_id for layer, diff_id in zip(manifest.layers, diff_ids, strict=True)):
        raise UnsupportedManifest(reason="its config gives one layer two contents", raw="diff_ids")
    return config


def platform_of(raw: bytes) -> Platform | None:
    """Return the platform that a config names, None if it names none. Raises `UnsupportedManifest`."""
    return Platform.of_entry(_read(raw))


def _read(raw: bytes) -> dict[str, object]:
    document = read_json(raw, MAX_CONFIG_BYTES)
    if names_twice(document, "os", "architecture", "variant", "rootfs"):
        raise UnsupportedManifest(reason="its config names a part of it twice", raw="json")
    return document


def _may_run(offered: Platform, platform: Platform, *, is_bare: bool) -> bool:
    """Builders leave the variant out of the config more often than out of the index, so a bare one is any."""
    return platform.may_run(replace(offered, variant=platform.variant) if is_bare else offered)


def _build_lines(history: object, layers: int) -> tuple[str, ...]:
    entries = history if isinstance(history, list) else []
    filled = [entry for entry in entries if isinstance(entry, dict) and not entry.get("empty_layer")]
    if len(filled) != layers:
        return ("",) * layers
    return tuple(printable(str(entry.get("created_by", ""))[:2000], _MAX_LINE_LENGTH) for entry in filled)
