"""Checks the status, range and announced length of a blob's response before its body is read."""

from __future__ import annotations

import re

from registries.failures import DigestMismatch, UnsupportedManifest
from registries.oci.manifest import MAX_SIZE, Descriptor
from registries.oci.reference import is_digest
from registries.oci.responses import Response
from registries.oci.timeouts import Timeouts
from registries.oci.verifying_reader import Hash, VerifyingReader

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)")


def check_request(descriptor: Descriptor, offset: int, digest_so_far: Hash | None) -> None:
    """Check what becomes part of an address or a range. Raises `ValueError`, which is a bug of the caller."""
    if not is_digest(descriptor.digest) or not 0 <= descriptor.size <= MAX_SIZE:
        raise ValueError("not a checked descriptor")
    if offset and (digest_so_far is None or not 0 < offset < descriptor.size):
        raise ValueError("resuming needs an offset inside of the blob, and the hash up to it")


def lies_outside(layer: Descriptor) -> UnsupportedManifest:
    """Return the failure of a layer that the registry does not have. Its `urls` are never fetched."""
    reason = f"layer {layer.digest[:19]} lies outside of the registry, which does not have it"
    return UnsupportedManifest(case="outside", reason=reason, raw="foreign")


def open_reader(
    response: Response,
    descriptor: Descriptor,
    offset: int,
    digest_so_far: Hash | None,
    *,
    what: str,
    host: str,
    timeouts: Timeouts,
) -> VerifyingReader:
    """Return the reader of a response with status 200 or 206.

    Raises `DigestMismatch` if its headers already differ from what was requested.
    """
    partial = response.status == 206
    expected = descriptor.size - offset if partial else descriptor.size
    wrong = ""
    if partial and offset and not _is_range(response.headers.get("Content-Range", ""), offset, descriptor.size):
        wrong = "Content-Range"
    elif response.length is not None and response.length != expected:
        wrong = "Content-Length"
    if wrong:
        response.close()
        raise DigestMismatch(what=what, raw=wrong, **response.where)
    return VerifyingReader(
        response,
        digest=descriptor.digest,
        size=descriptor.size,
        what=what,
        host=host,
        timeouts=timeouts,
        received=offset,
        digest_so_far=digest_so_far,
        skip=0 if partial else offset,
        where=response.where,
    )


def _is_range(text: str, offset: int, size: int) -> bool:
    match = _CONTENT_RANGE.fullmatch(text.strip())
    if match is None:
        return False
    first, last, whole = match.groups()
    return int(first) == offset and int(last) == size - 1 and whole in {"*", str(size)}
