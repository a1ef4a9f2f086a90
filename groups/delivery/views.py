"""The registry as a node's stock client sees it: `/v2/`, the token endpoint, manifests and blobs.

Only GET and HEAD, only by digest, only what the session opens; all else looks the same from outside. The protocol
is the OCI distribution specification with Docker's token exchange.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import socket
from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from django.db import DatabaseError
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from groups.delivery import blob_responses, ledger, media_types
from groups.delivery.errors import challenge, oci_error, token_refused, with_registry_headers
from groups.delivery.ledger import Reason
from groups.delivery.sending import SentBefore
from groups.delivery.sessions import SessionClosed, open_session
from groups.delivery.tokens import EndReason, TokenRefused, redeem
from groups.failures import StoreFailed
from groups.models import NodeManifest, NodeToken
from registries.secrets.at_rest import AtRestBroken

View = Callable[..., HttpResponseBase]
MAX_CREDENTIALS_LENGTH = 1024
# Servers join two headers of one name with a comma, which neither of these matches: two are refused.
_BASIC = re.compile(r"(?i:basic) +([A-Za-z0-9+/]+={0,2})")
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9_-]{1,200})")

log = structlog.get_logger(__name__)


def registry_call(*methods: str) -> Callable[[View], View]:
    """Allow only these methods, and answer in the registry's own words whatever happens below."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def call(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in methods:
                response = oci_error(405, "UNSUPPORTED", f"use {' or '.join(methods)}")
                response["Allow"] = ", ".join(methods)
                return response
            try:
                return view(request, *args, **kwargs)
            except SessionClosed as closed:
                if closed.token is not None:
                    ledger.refused(
                        closed.token, str(closed.token.node_id or ""), address_of(request), _why(closed.token)
                    )
                return challenge(kwargs.get("name", ""))
            except (DatabaseError, StoreFailed, AtRestBroken, OSError) as error:
                log.error("delivery_failed", error=type(error).__name__)
                response = oci_error(503, "UNAVAILABLE", "try again in a few seconds")
                response["Retry-After"] = "5"
                return response

        return call

    return decorate


@registry_call("GET", "HEAD")
def base(request: HttpRequest) -> HttpResponseBase:
    """Say that this is a registry, to whoever has a session; the challenge otherwise."""
    _session(request)
    return with_registry_headers(JsonResponse({}))


@registry_call("GET")
def token(request: HttpRequest) -> HttpResponseBase:
    """Redeem a one-time token (Basic: node id and token) for a session's bearer.

    POST is not taken, so that clients which try it first come back with GET and nothing is spent. `expires_in` is
    the whole session's, and there is no `issued_at`: clients would come again in mid-pull.
    """
    node_id, secret = _basic(request)
    try:
        session = redeem(secret, node_id, address_of(request))
    except TokenRefused:
        return token_refused()
    bearer = {"token": session.bearer, "access_token": session.bearer, "expires_in": session.expires_in}
    return with_registry_headers(JsonResponse(bearer))


@registry_call("GET", "HEAD")
def manifest(request: HttpRequest, name: str, reference: str) -> HttpResponseBase:
    """The session's own manifest, by its digest."""
    session = _session(request)
    made = NodeManifest.objects.filter(image=session.image, node=session.node, digest=session.manifest_digest).first()
    if made is None or not _names(name, session) or reference != made.digest:
        ledger.refused(session, str(session.node_id or ""), address_of(request), Reason.NOT_LISTED)
        return oci_error(404, "MANIFEST_UNKNOWN", "this session opens no such manifest")
    body = bytes(made.body)
    if request.method == "GET":
        NodeToken.objects.filter(pk=session.pk, manifest_sent_at__isnull=True).update(manifest_sent_at=Now())
    response = HttpResponse(body if request.method == "GET" else b"", content_type=media_types.MANIFEST)
    response["Content-Length"] = str(len(body))
    response["Docker-Content-Digest"] = made.digest
    response["ETag"] = f'"{made.digest}"'
    return with_registry_headers(response)


@registry_call("GET", "HEAD")
def blob(request: HttpRequest, name: str, digest: str) -> HttpResponseBase:
    """A layer's ciphertext, or the image's config."""
    session = _session(request)
    try:
        if not _names(name, session):
            raise blob_responses.NoSuchBlob
        head = request.method == "HEAD"
        return blob_responses.answer(session, digest, request.headers, head=head, client=_connection(request))
    except blob_responses.NoSuchBlob:
        ledger.refused(session, str(session.node_id or ""), address_of(request), Reason.NOT_LISTED)
        return oci_error(404, "BLOB_UNKNOWN", "this session opens no such blob")
    except SentBefore:
        ledger.refused(session, str(session.node_id or ""), address_of(request), Reason.LAYER_AGAIN)
        return oci_error(403, "DENIED", "this session was sent this layer; a new pull needs a new token")


@registry_call("GET", "HEAD")
def nothing(request: HttpRequest) -> HttpResponseBase:
    """Any other address below `/v2/`."""
    _session(request)
    return oci_error(404, "NAME_UNKNOWN", "there is nothing here")


def address_of(request: HttpRequest) -> str | None:
    """Return the address that the request came from, None where the server knows none."""
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None


def _session(request: HttpRequest) -> NodeToken:
    found = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    if found is None:
        raise SessionClosed
    return open_session(found[1])


def _connection(request: HttpRequest) -> socket.socket | None:
    """The connection itself, where gunicorn hands it on and it is in clear, so that the kernel can copy to it."""
    connection = request.META.get("gunicorn.socket")
    return connection if type(connection) is socket.socket else None


def _basic(request: HttpRequest) -> tuple[str, str]:
    """Return user and password, both empty where there are none that can be read."""
    header = request.headers.get("Authorization", "")
    found = _BASIC.fullmatch(header) if len(header) <= MAX_CREDENTIALS_LENGTH else None
    try:
        user, _, password = base64.b64decode(found[1] if found else "", validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _names(name: str, session: NodeToken) -> bool:
    """Whether the session's image is called so."""
    return session.group is not None and name == session.group.repository


def _why(token: NodeToken) -> Reason:
    if token.ended_because == EndReason.DELIVERED:
        return Reason.REPLAYED
    return Reason.EXPIRED if token.ended_at is None and token.instance_id is not None else Reason.REVOKED
