"""Errors, as RFC 9457 has them."""

from __future__ import annotations

from pydantic import Field

from groups.api.schemas.base import Shape


class ProblemDetails(Shape):
    """An error. `code` is stable; `field` names what the error is about, where it is one field of the request."""

    type: str = Field("about:blank", min_length=1, max_length=2048)
    title: str = Field(min_length=1, max_length=2000)
    status: int = Field(ge=100, le=599)
    detail: str = Field(min_length=1, max_length=2000)
    code: str
    request_id: str
    field: str | None = None
