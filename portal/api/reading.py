"""Parsing request bodies: one unambiguous JSON object of limited size."""

from __future__ import annotations

from django.http import HttpRequest
from ninja.parser import Parser

from portal.http.body_limits import MAX_API_BYTES
from registries.foundation.refusal import Refusal
from registries.oci.strict_json import JsonInvalid, read_object


class StrictParser(Parser):
    """Reads a JSON object. Raises Refusal for duplicate names, deep nesting, huge numbers and anything else."""

    def parse_body(self, request: HttpRequest) -> dict[str, object]:
        kind = (request.content_type or "").lower()
        if kind not in ("application/json", "application/merge-patch+json"):
            raise Refusal("Send application/json.", code="unsupported_media_type", status=415)
        try:
            return read_object(request.body, MAX_API_BYTES)
        except JsonInvalid:
            pass
        raise Refusal(
            "Send one JSON object in UTF-8, each name once, nested at most 32 deep, with numbers of at most 20 digits.",
            code="json_invalid",
            status=400,
        )
