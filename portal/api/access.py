"""Authentication: the key in `Salad-Api-Key`, its organization and its scope.

Another organization's address gets 404 before any row is read. A missing, unknown, malformed, expired or revoked key
gets the same 401.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja.security import APIKeyHeader

from groups.api.errors import not_found
from portal.api.rate import count_call
from portal.http.actors import actor_of_key
from portal.models import ApiKey
from portal.organizations.api_keys import find_live_key
from registries.foundation.refusal import Refusal

_READING = ("GET", "HEAD", "OPTIONS")


class SaladApiKey(APIKeyHeader):
    """Resolves the key of a request to `request.organization`, `request.may_write` and `request.actor`."""

    param_name = "Salad-Api-Key"

    def authenticate(self, request: HttpRequest, key: str | None) -> ApiKey | None:
        row = find_live_key(key or "")
        if row is None:
            text = "Send a key that works in the header Salad-Api-Key."
            raise Refusal(text, code="not_authenticated", status=401)
        asked: Any = request
        asked.rate = count_call(row, settings.PORTAL_API_CALLS_A_MINUTE)
        if asked.rate.exceeded:
            text = f"A key may call {asked.rate.limit} times a minute. Go on in {asked.rate.reset} seconds."
            raise Refusal(text, code="too_many_calls", status=429, retry_after=asked.rate.reset)
        named = request.resolver_match.kwargs.get("organization_name") if request.resolver_match else None
        if named != row.organization.slug:
            raise not_found()
        asked.organization = row.organization
        asked.may_write = row.scope == ApiKey.Scope.WRITE
        if not asked.may_write and request.method not in _READING:
            raise Refusal("This key may only read. Use one with the scope write.", code="read_only", status=403)
        asked.actor = actor_of_key(request, row)
        return row
