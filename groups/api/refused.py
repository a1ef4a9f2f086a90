"""What a request is refused with: a status, a stable code, words, and the field that it is about."""

from __future__ import annotations


class Refused(Exception):
    """Ends a request. `field` is a path such as `container.image`, where one field is to blame. `retry_after` is in
    seconds."""

    def __init__(self, status: int, code: str, detail: str, *, field: str = "", retry_after: int | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.retry_after = retry_after


def not_found() -> Refused:
    """The one answer to whatever isn't here, or isn't here for this key."""
    return Refused(404, "not_found", "There is nothing of this name here, or the key is another organization's.")


def not_now(detail: str) -> Refused:
    """The thing is in a state that doesn't allow it."""
    return Refused(409, "wrong_state", detail)
