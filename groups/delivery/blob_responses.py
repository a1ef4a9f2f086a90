"""Responses for blobs: the image's config decrypted, its layers as ciphertext.

Layers are sent from the store's files, or through the storage backend if it has none, unless nginx or the object store
sends them (`groups.delivery.offload`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

from django.http import HttpResponse, HttpResponseBase

from groups.delivery import offload, sending, slots
from groups.delivery.errors import oci_error, with_registry_headers
from groups.delivery.ranges import Span, Unsatisfiable, read_range
from groups.delivery.transfers import response_with
from groups.models import Blob, Image, NodeToken
from groups.storage import store
from registries.secrets import at_rest

MIN_COUNTED_BYTES = 64 * 1024
"""A smaller manifest or config fits into what the kernel takes for a connection."""


class NoSuchBlob(Exception):
    """The session's image has no blob with this digest."""


def respond(token: NodeToken, digest: str, headers: Mapping[str, str], *, head: bool) -> HttpResponseBase:
    """Return the response to GET or HEAD of one blob of the session's image.

    Raises NoSuchBlob, `sending.SentBefore`, `slots.TooManyTransfers`, `groups.failures.StoreFailed`,
    `registries.secrets.at_rest.AtRestBroken`.
    """
    image = token.image
    if image is None:
        raise NoSuchBlob
    layers = image.layers.filter(blob__cipher_digest=digest).select_related("blob")
    blobs = [layer.blob for layer in layers if layer.blob is not None]
    size = blobs[0].size if blobs else image.config_size
    if size is None or not (blobs or digest == image.config_digest):
        raise NoSuchBlob
    if head:
        return _with_headers(HttpResponse(), Span(0, size - 1, size, is_part=False), digest)
    if blobs and offload.is_enabled():
        return with_registry_headers(offload.respond(token.pk, digest, blobs[0].name, len(blobs)))
    try:
        span = read_range(_range_to_use(headers, digest), size)
    except Unsatisfiable:
        refusal = oci_error(416, "RANGE_INVALID", "ask for one range of bytes that lies in the blob")
        refusal["Content-Range"] = f"bytes */{size}"
        return refusal
    response = _layer(token, blobs, span) if blobs else _config(token, image, span)
    return _with_headers(response, span, digest)


def _range_to_use(headers: Mapping[str, str], digest: str) -> str | None:
    """The Range header, unless If-Range names another blob."""
    condition = headers.get("If-Range")
    return headers.get("Range") if condition is None or condition.strip() == f'"{digest}"' else None


def document(token: NodeToken, content: bytes, media_type: str) -> HttpResponseBase:
    """Return the response that has a manifest or config as its body. A large one takes a slot, because a client that
    reads slowly keeps it in memory. Raises TooManyTransfers."""
    if len(content) < MIN_COUNTED_BYTES:
        return HttpResponse(content, content_type=media_type)
    slot = slots.take_for_document(token.session_hash or str(token.pk), token.node_id)
    return response_with(sending.Document(content, slot), media_type)


def _config(token: NodeToken, image: Image, span: Span) -> HttpResponseBase:
    plain = at_rest.decrypt(image.config or b"", bound_to=f"image config {image.pk}")
    return document(token, plain[span.first : span.last + 1], "application/octet-stream")


def _layer(token: NodeToken, blobs: list[Blob], span: Span) -> HttpResponseBase:
    """Send one blob. `blobs` has it once for each layer of the image that is stored in it."""
    blob, times = blobs[0], len(blobs)
    slot = slots.take(token.session_hash or str(token.pk), token.node_id)
    try:
        delivery = sending.begin(token.pk, blob.cipher_digest, span, times)
        try:
            source = _open(blob.name)
            source.seek(span.first)
        except BaseException:
            sending.give_back(delivery, span.length)
            raise
    except BaseException:
        slot.release()
        raise
    return response_with(sending.Body(source, delivery, span, times, slot), "application/octet-stream")


def _open(name: str) -> BinaryIO:
    path = store.local_path(name)
    if path is not None:
        return open(path, "rb", buffering=0)
    return store.open(name)


def _with_headers(response: HttpResponseBase, span: Span, digest: str) -> HttpResponseBase:
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["Content-Length"] = str(span.length)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = f'"{digest}"'
    response.headers["Docker-Content-Digest"] = digest
    if span.is_part:
        response.status_code = 206
        response.headers["Content-Range"] = span.content_range
    return with_registry_headers(response)
