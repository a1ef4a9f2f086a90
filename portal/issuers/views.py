"""Discovery (OpenID Connect Discovery 1.0) and keys (RFC 7517) of an organization's issuer: public, without a session.

An organization that is deleted or suspended has no issuer: within `MAX_AGE` seconds nobody gets its documents any more.
Clouds that have fetched the keys keep them for longer, so nothing is signed for it either.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from portal.models import Organization
from registries.federation.issuer import discovery_of
from registries.secrets import issuer_keys

MAX_AGE = 10
"""Seconds for which a cache may keep a document."""


def _of_issuer(view: Callable[[UUID], HttpResponse]) -> Callable[[HttpRequest, UUID], HttpResponse]:
    """Make a view that shows a document of an organization that isn't suspended, and is 404 for every other uuid."""

    @require_safe
    @wraps(view)
    def shown(request: HttpRequest, issuer: UUID) -> HttpResponse:
        if str(issuer) not in request.path_info:
            raise Http404  # another spelling of the uuid is another issuer
        if not Organization.objects.filter(uuid=issuer, quota__suspended_at__isnull=True).exists():
            raise Http404
        response = view(issuer)
        response["Cache-Control"] = f"public, max-age={MAX_AGE}"
        response["Access-Control-Allow-Origin"] = "*"
        return response

    return shown


@_of_issuer
def discovery(issuer: UUID) -> HttpResponse:
    """Return the discovery document."""
    return JsonResponse(discovery_of(issuer))


@_of_issuer
def jwks(issuer: UUID) -> HttpResponse:
    """Return the public keys."""
    return JsonResponse({"keys": issuer_keys.public_keys()}, content_type="application/jwk-set+json")
