"""The OpenAPI documents, as they are served and as `/api/docs` displays them."""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from typing import Any, TypeAlias

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from portal.api.problems import MEDIA_TYPE

Document: TypeAlias = dict[str, Any]
"""A JSON object of an OpenAPI document, whose members have other types at each level."""
MERGE_PATCH = "application/merge-patch+json"


class DescribedAPI(NinjaAPI):
    """An API whose document states the actual media types: `application/problem+json` for errors, and merge patch for
    changes."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: Document | None = None
    ) -> OpenAPISchema:
        schema = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        for operations in schema["paths"].values():
            for method, operation in operations.items():
                _of_operation(method, operation)
        return schema


def _of_operation(method: str, operation: Document) -> None:
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        if int(status) >= 400 and "application/json" in content:
            content[MEDIA_TYPE] = content.pop("application/json")
    body = operation.get("requestBody", {}).get("content", {})
    if method == "patch" and "application/json" in body:
        body[MERGE_PATCH] = copy.copy(body["application/json"])


@lru_cache
def document(api: NinjaAPI) -> Document:
    """Return the API's OpenAPI document. It does not change while the process runs."""
    read: Document = json.loads(json.dumps(api.get_openapi_schema()))
    return read
