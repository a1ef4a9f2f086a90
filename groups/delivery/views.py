"""The registry that a node's stock client talks to: `/v2/`, the token endpoint, manifests and blobs.

Only GET and HEAD, only by digest, and only the session's own image; everything else gets the same errors. The protocol
is the OCI distribution specification with Docker's token exchange.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeAlias

import structlog
from django.db import DatabaseError
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from groups.delivery import blob_responses, ledger, media_types, slots
from groups.delivery.errors import challenge, oci_error, token_refused, with_registry_headers
from groups.delivery.ledger import Reason
from groups.delivery.sending import SentBefore
from groups.delivery.sessions import SessionClosed, open_session, session_hash_of
from groups.delivery.slots import TooManyTransfers
from groups.delivery.tokens import EndReason, TokenRefused, redeem
from groups.failures import StoreFailed
from groups.models import NodeManifest, NodeToken
from registries.foundation.requests import client_address
from registries.secrets.at_rest import AtRestBroken

P = ParamSpec("P")
View: TypeAlias = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
MAX_CREDENTIALS_LENGTH = 1024
# Servers join repeated headers with a comma, which neither of these matches: a second one is refused.
_BASIC = re.compile(r"(?i:basic) +([A-Za-z0-9+/]+={0,2})")
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9_-]{1,200})")

log = structlog.get_logger(__name__)


def registry_call(*methods: str) -> Callable[[View[P]], View[P]]:
    """Decorate a view of the registry: allow only these methods, and return every error in the registry's format."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def call(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.method not in methods:
                response = oci_error(405, "UNSUPPORTED", f"use {' or '.join(methods)}")
                response["Allow"] = ", ".join(methods)
                return response
            try:
                return view(request, *args, **kwargs)
            except SessionClosed as closed:
                if closed.token is not None:
                    node_id, reason = str(closed.token.node_id or ""), _refusal_reason(closed.token)
                    ledger.refused(closed.token, node_id, _address(request), reason)
                return challenge(request.get_host(), str(kwargs.get("name", "")))
            except (DatabaseError, StoreFailed, AtRestBroken, OSError) as error:
                log.error("delivery_failed", error=type(error).__name__)
                response = oci_error(503, "UNAVAILABLE", "try again in a few seconds")
                response["Retry-After"] = "5"
                return response

        return call

    return decorate


@registry_call("GET", "HEAD")
def base(request: HttpRequest) -> HttpResponseBase:
    """200 for a session, which tells clients that this is a registry; the challenge otherwise."""
    _session(request)
    return with_registry_headers(JsonResponse({}))


@registry_call("GET")
def token(request: HttpRequest) -> HttpResponseBase:
    """Redeem a one-time token (Basic: node id and token) for a session's bearer.

    POST is refused, so that clients that try it first retry with GET without consuming the token. `expires_in` is that
    of the whole session and there is no `issued_at`, or clients would ask for another token during the pull.
    """
    node_id, secret = _basic(request)
    try:
        session = redeem(secret, node_id, _address(request))
    except TokenRefused:
        return token_refused()
    bearer = {"token": session.bearer, "access_token": session.bearer, "expires_in": session.expires_in}
    return with_registry_headers(JsonResponse(bearer))


@registry_call("GET", "HEAD")
def manifest(request: HttpRequest, name: str, reference: str) -> HttpResponseBase:
    """The session's own manifest, by its digest."""
    session = _session(request)
    row = NodeManifest.objects.filter(image=session.image, node=session.node, digest=session.manifest_digest).first()
    if row is None or not _is_image_of(name, session) or reference != row.digest:
        ledger.refused(session, str(session.node_id or ""), _address(request), Reason.NOT_LISTED)
        return oci_error(404, "MANIFEST_UNKNOWN", "this session opens no such manifest")
    body = bytes(row.body)
    try:
        response = (
            blob_responses.document(session, body, media_types.MANIFEST)
            if request.method == "GET"
            else HttpResponse(content_type=media_types.MANIFEST)
        )
    except TooManyTransfers as refusal:
        return _too_many(refusal)
    if request.method == "GET":
        NodeToken.objects.filter(pk=session.pk, manifest_sent_at__isnull=True).update(manifest_sent_at=Now())
    response["Content-Length"] = str(len(body))
    response["Docker-Content-Digest"] = row.digest
    response["ETag"] = f'"{row.digest}"'
    return with_registry_headers(response)


@registry_call("GET", "HEAD")
def blob(request: HttpRequest, name: str, digest: str) -> HttpResponseBase:
    """A layer's ciphertext, or the image's config."""
    head = request.method == "HEAD"
    try:
        if not head:
            slots.check(session_hash_of(_bearer(request)))  # a flood of requests is refused without the database
        session = _session(request)
    except TooManyTransfers as refusal:
        return _too_many(refusal)
    try:
        if not _is_image_of(name, session):
            raise blob_responses.NoSuchBlob
        return blob_responses.respond(session, digest, request.headers, head=head)
    except blob_responses.NoSuchBlob:
        ledger.refused(session, str(session.node_id or ""), _address(request), Reason.NOT_LISTED)
        return oci_error(404, "BLOB_UNKNOWN", "this session opens no such blob")
    except SentBefore:
        ledger.refused(session, str(session.node_id or ""), _address(request), Reason.LAYER_AGAIN)
        return oci_error(403, "DENIED", "this session was sent this layer; a new pull needs a new token")
    except TooManyTransfers as refusal:
        return _too_many(refusal)


@registry_call("GET", "HEAD")
def nothing(request: HttpRequest) -> HttpResponseBase:
    """Any other address below `/v2/`."""
    _session(request)
    return oci_error(404, "NAME_UNKNOWN", "there is nothing here")


def _address(request: HttpRequest) -> str | None:
    """The client's IP address, as the column of the ledger has it."""
    return client_address(request) or None


def _session(request: HttpRequest) -> NodeToken:
    return open_session(_bearer(request))


def _bearer(request: HttpRequest) -> str:
    found = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    if found is None:
        raise SessionClosed
    return found[1]


def _too_many(refusal: TooManyTransfers) -> HttpResponse:
    response = oci_error(refusal.status, "TOOMANYREQUESTS", refusal.message)
    response["Retry-After"] = str(refusal.retry_after)
    return response


def _basic(request: HttpRequest) -> tuple[str, str]:
    """Return user and password, both empty if they are missing or malformed."""
    header = request.headers.get("Authorization", "")
    found = _BASIC.fullmatch(header) if len(header) <= MAX_CREDENTIALS_LENGTH else None
    try:
        user, _, password = base64.b64decode(found[1] if found else "", validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _is_image_of(name: str, session: NodeToken) -> bool:
    """Whether `name` is the repository of the session's image."""
    return session.group is not None and name == session.group.repository


def _refusal_reason(token: NodeToken) -> Reason:
    if token.ended_because == EndReason.DELIVERED:
        return Reason.REPLAYED
    return Reason.EXPIRED if token.ended_at is None and token.instance_id is not None else Reason.REVOKED
