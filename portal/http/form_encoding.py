"""Refuses forms in an encoding that no page can read."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class Utf8FormsMiddleware:
    """Responds 415 to forms in another encoding than UTF-8. Django would fail on them in its error pages too, which
    read the form again."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        charset = (request.content_params or {}).get("charset", "utf-8")
        if charset.strip().strip('"').lower() not in ("utf-8", "utf8"):
            return HttpResponse("Send this in UTF-8.\n", status=415, content_type="text/plain; charset=utf-8")
        return self.get_response(request)
