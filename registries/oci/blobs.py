"""Checks the head of a blob's answer before its body is read: status, range, announced length."""

from __future__ import annotations

import re

from registries.failures import DigestMismatch
from registries.oci.manifest import MAX_SIZE, Descriptor
from registries.oci.reference import is_digest
from registries.oci.transport import Response, Timeouts
from registries.oci.verifying_reader import Hash, VerifyingReader

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)")


def check_request(descriptor: Descriptor, offset: int, digest_so_far: Hash | None) -> None:
    """Refuse what must not become part of an address or a range. Raises `ValueError`: our own mistake."""
    if not is_digest(descriptor.digest) or not 0 <= descriptor.size <= MAX_SIZE:
        raise ValueError("not a checked descriptor")
    if offset and (digest_so_far is None or not 0 < offset < descriptor.size):
        raise ValueError("resuming needs an offset inside of the blob, and the hash up to it")


def open_reader(
    answer: Response,
    descriptor: Descriptor,
    offset: int,
    digest_so_far: Hash | None,
    *,
    what: str,
    host: str,
    timeouts: Timeouts,
) -> VerifyingReader:
    """Return the reader of an answer of status 200 or 206.

    Raises `DigestMismatch` where its head shows already that it is not what was asked for.
    """
    partial = answer.status == 206
    expected = descriptor.size - offset if partial else descriptor.size
    wrong = ""
    if partial and not (offset and _is_range(answer.headers.get("Content-Range", ""), offset, descriptor.size)):
        wrong = "Content-Range"
    elif answer.length is not None and answer.length != expected:
        wrong = "Content-Length"
    if wrong:
        answer.close()
        raise DigestMismatch(what=what, raw=wrong)
    return VerifyingReader(
        answer,
        digest=descriptor.digest,
        size=descriptor.size,
        what=what,
        host=host,
        timeouts=timeouts,
        received=offset,
        digest_so_far=digest_so_far,
        skip=0 if partial else offset,
    )


def _is_range(text: str, offset: int, size: int) -> bool:
    match = _CONTENT_RANGE.fullmatch(text.strip())
    if match is None:
        return False
    first, last, whole = match.groups()
    return int(first) == offset and int(last) == size - 1 and whole in {"*", str(size)}
