"""The error responses that every operation can return, for the OpenAPI documents."""

from __future__ import annotations

from typing import Any

from groups.api.schemas.problem import ProblemDetails

_READING = (400, 401, 404, 429, 503)
_WRITING = (*_READING, 403, 409, 413, 415)


def reading(answer: Any, status: int = 200) -> dict[int, Any]:
    """Return the responses of an operation that only reads."""
    return {status: answer, **dict.fromkeys(_READING, ProblemDetails)}


def writing(answer: Any, status: int) -> dict[int, Any]:
    """Return the responses of an operation that changes something."""
    return {status: answer, **dict.fromkeys(_WRITING, ProblemDetails)}


def described_problems() -> dict[int, Any]:
    """Return the error responses of a stream, written out: its description has room for one response only."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {status: {"description": "Refused", "content": content} for status in _WRITING}
