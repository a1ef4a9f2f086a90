"""Errors according to RFC 9457."""

from __future__ import annotations

from pydantic import Field

from groups.api.schemas.base import Shape


class ProblemDetails(Shape):
    """An error. `code` is stable. `field` names the field of the request that caused it, if it was a single one."""

    type: str = Field("about:blank", min_length=1, max_length=2048)
    title: str = Field(min_length=1, max_length=2000)
    status: int = Field(ge=100, le=599)
    detail: str = Field(min_length=1, max_length=2000)
    code: str
    request_id: str
    field: str | None = None
