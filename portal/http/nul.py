"""Refuses NUL characters in a query string or a cookie. PostgreSQL can't store or compare them in a text. In a form
Django shows the error at the field; in a path nothing matches them, so the response is 404."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

NUL = ("\0", "%00")


class NulMiddleware:
    """Responds 400 before any view reads a parameter, and before a session is searched for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if any(nul in query for nul in NUL):
            return _refuse("A parameter of this address contains a NUL character. Remove it and try again.\n")
        # In quotes, a cookie can contain any character as an octal number.
        if any("\0" in value for value in request.COOKIES.values()):
            return _refuse("A cookie contains a NUL character. Delete the cookies of this site and try again.\n")
        return self.get_response(request)


def _refuse(text: str) -> HttpResponse:
    return HttpResponse(text, status=400, content_type="text/plain; charset=utf-8")
