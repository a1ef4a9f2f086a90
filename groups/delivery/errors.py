"""Errors in the format of the OCI distribution specification, and the challenge that refers a client to its token."""

from __future__ import annotations

import re
from typing import TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, JsonResponse

Response = TypeVar("Response", bound=HttpResponseBase)

_NAME = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
MAX_NAME_LENGTH = 255


def oci_error(status: int, code: str, message: str) -> HttpResponse:
    """Return an OCI error with one entry. `code` is one of the specification's."""
    return with_registry_headers(
        JsonResponse({"errors": [{"code": code, "message": message, "detail": None}]}, status=status)
    )


def challenge(host: str, name: str = "") -> HttpResponse:
    """Return the 401 that names the token endpoint, the same for absent, unknown and malformed bearers. It is that of
    the process that was asked: `host` is the request's, and one of two."""
    response = oci_error(401, "UNAUTHORIZED", "authentication required")
    of_layers = host == urlsplit(settings.PORTAL_LAYERS_URL).netloc
    url = settings.PORTAL_LAYERS_URL if of_layers else settings.PORTAL_PUBLIC_URL
    value = f'Bearer realm="{url}/v2/token",service="{urlsplit(url).netloc}"'
    if len(name) <= MAX_NAME_LENGTH and _NAME.fullmatch(name):
        value += f',scope="repository:{name}:pull"'
    response["WWW-Authenticate"] = value
    return response


def token_refused() -> HttpResponse:
    """Return the token endpoint's response to everyone who gets no session, whatever the reason."""
    response = oci_error(401, "UNAUTHORIZED", "the token is not good: each is redeemed once, by the node it was given")
    response["WWW-Authenticate"] = 'Basic realm="Drayage"'
    return response


def with_registry_headers(response: Response) -> Response:
    """Add the headers of every response of the registry: its API version, and that it must not be cached."""
    response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
    response.headers["Cache-Control"] = "private, no-store"
    return response
