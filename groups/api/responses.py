"""The error responses that every operation can return, for the OpenAPI documents."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import BaseModel

from groups.api.schemas.problem import ProblemDetails

Schema: TypeAlias = type[BaseModel] | None
_READING = (400, 401, 404, 429, 503)
_WRITING = (*_READING, 403, 409, 413, 415)


def reading(schema: Schema, status: int = 200) -> dict[int, Schema]:
    """Return the responses of an operation that only reads."""
    return {status: schema, **dict.fromkeys(_READING, ProblemDetails)}


def writing(schema: Schema, status: int) -> dict[int, Schema]:
    """Return the responses of an operation that changes something."""
    return {status: schema, **dict.fromkeys(_WRITING, ProblemDetails)}


def described_problems() -> dict[int, dict[str, object]]:
    """Return the error responses of a stream as OpenAPI: its `response` can name only one schema."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {status: {"description": "Refused", "content": content} for status in _WRITING}
