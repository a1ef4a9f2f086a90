"""The OpenAPI documents, as they are served and as `/api/docs` displays them."""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from portal.api.problems import MEDIA_TYPE

MERGE_PATCH = "application/merge-patch+json"


class DescribedAPI(NinjaAPI):
    """An API whose document states the actual media types: `application/problem+json` for errors, and merge patch for
    changes."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        for operations in schema["paths"].values():
            for method, operation in operations.items():
                _of_operation(method, operation)
        return schema


def _of_operation(method: str, operation: dict[str, Any]) -> None:
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        if int(status) >= 400 and "application/json" in content:
            content[MEDIA_TYPE] = content.pop("application/json")
    body = operation.get("requestBody", {}).get("content", {})
    if method == "patch" and "application/json" in body:
        body[MERGE_PATCH] = copy.copy(body["application/json"])


@lru_cache
def document(api: NinjaAPI) -> dict[str, Any]:
    """Return the API's OpenAPI document. It does not change while the process runs."""
    read: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema()))
    return read
