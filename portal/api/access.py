"""Authentication: the key in `Salad-Api-Key`, its organization, its project and its scope.

Another organization's address gets 404 before any row is read, and so does another project's if the key is for a single
one; such a key gets 403 at an address of the whole organization. That is decided here, by the address, for all
operations. A missing, unknown, malformed, expired or revoked key
gets the same 401.
"""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.http import HttpRequest
from ninja.security import APIKeyHeader

from groups.api.errors import not_found
from portal.api.rate import Rate, count_call, count_wrong_key
from portal.http.actors import actor_of_key
from portal.models import ApiKey, Organization
from portal.organizations.api_keys import find_live_key
from registries.foundation.refusal import Refusal
from registries.foundation.requests import ActorRequest, client_address

_READING = ("GET", "HEAD", "OPTIONS")


class KeyRequest(ActorRequest):
    """A request of an API key. `rate` is the key's calls in this minute."""

    organization: Organization
    may_write: bool
    rate: Rate


class SaladApiKey(APIKeyHeader):
    """Resolves the key of a request to `request.organization`, `request.may_write` and `request.actor`."""

    param_name = "Salad-Api-Key"

    def authenticate(self, request: HttpRequest, key: str | None) -> ApiKey | None:
        row = find_live_key(key or "", address=client_address(request))
        if row is None:
            wrong = count_wrong_key(client_address(request))
            if wrong.exceeded:
                text = f"Too many calls from this address had no valid API key. Try again in {wrong.reset} seconds."
                raise Refusal(text, code="too_many_calls", status=429, retry_after=wrong.reset)
            text = "Send a valid API key in the header Salad-Api-Key."
            raise Refusal(text, code="not_authenticated", status=401)
        call = cast("KeyRequest", request)
        call.rate = count_call(row, settings.PORTAL_API_CALLS_A_MINUTE)
        if call.rate.exceeded:
            text = f"A key may call {call.rate.limit} times a minute. Try again in {call.rate.reset} seconds."
            raise Refusal(text, code="too_many_calls", status=429, retry_after=call.rate.reset)
        named = request.resolver_match.kwargs.get("organization_name") if request.resolver_match else None
        if named != row.organization.slug:
            raise not_found()
        _check_project(row, request)
        call.organization = row.organization
        call.may_write = row.scope == ApiKey.Scope.WRITE
        if not call.may_write and request.method not in _READING:
            raise Refusal("This key may only read. Use one with the scope write.", code="read_only", status=403)
        call.actor = actor_of_key(request, row)
        return row


def _check_project(row: ApiKey, request: HttpRequest) -> None:
    """Raise Refusal if the key is for a single project and the address is not within it."""
    if row.project is None:
        return
    named = request.resolver_match.kwargs.get("project_name") if request.resolver_match else None
    if named is None:
        text = f"This key is for the project {row.project.slug} only. Use one for the whole organization."
        raise Refusal(text, code="one_project", status=403)
    if named != row.project.slug:
        raise not_found()
