"""Errors in the words of the OCI distribution specification, and the challenge that sends a client for its token."""

from __future__ import annotations

import re
from typing import TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, JsonResponse

Answer = TypeVar("Answer", bound=HttpResponseBase)

_NAME = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
MAX_NAME_LENGTH = 255


def oci_error(status: int, code: str, message: str) -> HttpResponse:
    """Return an OCI error of one entry. `code` is one of the specification's."""
    return with_registry_headers(
        JsonResponse({"errors": [{"code": code, "message": message, "detail": None}]}, status=status)
    )


def challenge(name: str = "") -> HttpResponse:
    """Return the 401 that names the token endpoint, the same for absent, unknown and malformed bearers."""
    response = oci_error(401, "UNAUTHORIZED", "authentication required")
    url = settings.PORTAL_PUBLIC_URL
    said = f'Bearer realm="{url}/v2/token",service="{urlsplit(url).netloc}"'
    if len(name) <= MAX_NAME_LENGTH and _NAME.fullmatch(name):
        said += f',scope="repository:{name}:pull"'
    response["WWW-Authenticate"] = said
    return response


def token_refused() -> HttpResponse:
    """Return the one answer of the token endpoint to whoever gets no session, for whatever reason."""
    response = oci_error(401, "UNAUTHORIZED", "the token is not good: each is redeemed once, by the node it was given")
    response["WWW-Authenticate"] = 'Basic realm="Drayage"'
    return response


def with_registry_headers(response: Answer) -> Answer:
    """Mark an answer as this registry's, and as nobody's to keep."""
    response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
    response.headers["Cache-Control"] = "private, no-store"
    return response
