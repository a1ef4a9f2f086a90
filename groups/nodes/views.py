"""The node API over HTTP. Errors are problem+json, and no response is cached."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeAlias

import structlog
from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse

from groups.models import Node
from groups.nodes import enrolment
from groups.nodes.authentication import NotAuthenticated, authenticate, consume_call
from groups.nodes.enrolment import replace_key
from groups.nodes.poll import poll as process_poll
from groups.nodes.problems import not_authenticated, problem
from groups.nodes.report import read_report
from registries.foundation.actor import Actor, ActorKind
from registries.foundation.refusal import Refusal
from registries.foundation.requests import client_address
from registries.oci import strict_json

MAX_ENROLMENT_BYTES = 16 * 1024
MAX_KEY_BYTES = 32 * 1024
MAX_POLL_BYTES = 1024 * 1024
MAX_TRIES = 3

View: TypeAlias = Callable[[HttpRequest], HttpResponse]
log = structlog.get_logger(__name__)


class BodyInvalid(Refusal):
    """The body is not a JSON object with the required fields; the message says what to send."""

    code = "invalid"
    title = "Can't be read"
    status = 400


class BodyTooLarge(Refusal):
    """The body is larger than the call allows."""

    code = "too_large"
    title = "Too large"
    status = 413


def node_call(view: View) -> View:
    """Decorate a view of the node API: POST only, never cached, and every error as problem+json."""

    @wraps(view)
    def call(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            response = problem(405, "method_not_allowed", "Method not allowed", "Use POST.")
            response["Allow"] = "POST"
            return response
        try:
            response = view(request)
        except NotAuthenticated:
            response = not_authenticated()
        except Refusal as refusal:
            response = problem(refusal.status, refusal.code, refusal.title, refusal.message)
        except DatabaseError as error:
            log.error("database_failed", error=type(error).__name__)
            response = problem(503, "unavailable", "Not available now", "Try again in a few seconds.")
            response["Retry-After"] = "5"
        response["Cache-Control"] = "no-store"
        return response

    return call


@node_call
def enrol(request: HttpRequest) -> HttpResponse:
    """`{"code", "name", "public_key"}` → `{"node_id"}`."""
    body = _read(request, MAX_ENROLMENT_BYTES)
    code, name, public_key = (body.get(field) for field in ("code", "name", "public_key"))
    if not isinstance(code, str) or not isinstance(name, str) or not isinstance(public_key, str):
        raise BodyInvalid("Send the text fields code, name and public_key.")
    node = enrolment.enrol(code, name, public_key, by=_actor(request))
    return JsonResponse({"node_id": str(node.pk)})


@node_call
def poll(request: HttpRequest) -> HttpResponse:
    """`{"capacity", "instances"}` → `{"start", "restart", "recreate", "stop"}`, in a signed call."""
    call = authenticate(request.headers.get("Authorization", ""))
    try:
        report = read_report(_read(request, MAX_POLL_BYTES))
    except Refusal:
        consume_call(call)
        raise
    tries_left = MAX_TRIES
    while True:
        tries_left -= 1
        try:
            return JsonResponse(process_poll(call.node, report, call=call).as_json())
        except OperationalError:  # a deadlock: the whole poll can be repeated
            if not tries_left:
                raise


@node_call
def key(request: HttpRequest) -> HttpResponse:
    """`{"public_key", "proof"}` → `{"node_id"}`: another key for the node, in a call signed with its present one."""
    call = authenticate(request.headers.get("Authorization", ""))
    consume_call(call)
    body = _read(request, MAX_KEY_BYTES)
    public_key, proof = body.get("public_key"), body.get("proof", "")
    if not isinstance(public_key, str) or not isinstance(proof, str):
        raise BodyInvalid("Send the text fields public_key and proof.")
    node = Node.objects.enrolled().filter(pk=call.node.pk, public_key=call.node.public_key).first()
    if node is None or not replace_key(node, public_key, proof=proof, by=_actor(request, node)):
        raise NotAuthenticated
    return JsonResponse({"node_id": str(call.node.pk)})


@node_call
def nothing(request: HttpRequest) -> HttpResponse:
    """Any other address below `/node/v1/`."""
    return problem(404, "not_found", "Not found", "The node API has /node/v1/enrol, /node/v1/poll and /node/v1/key.")


def _actor(request: HttpRequest, node: Node | None = None) -> Actor:
    """The calling node, or a machine that enrols and is not a node yet."""
    return Actor(
        kind=ActorKind.NODE,
        id=str(node.pk) if node is not None else "",
        name=node.name if node is not None else "",
        address=client_address(request),
        request_id=getattr(request, "request_id", ""),
    )


def _read(request: HttpRequest, limit: int) -> dict[str, object]:
    """Return the body, a JSON object of at most `limit` bytes. Raises BodyInvalid and BodyTooLarge."""
    try:
        # Django reads no more than what is declared.
        if int(request.META.get("CONTENT_LENGTH") or "0") > limit:
            raise BodyTooLarge(f"Send at most {limit // 1024} KiB.")
        return strict_json.read_object(request.read(limit), limit)
    except (ValueError, OSError):
        raise BodyInvalid("Send one JSON object.") from None
