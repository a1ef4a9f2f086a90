"""Pages that poll get a body only where something has changed."""

from __future__ import annotations

from django.http import HttpResponse
from django.test import RequestFactory

from registries.foundation.live_response import live_response


def unexpected() -> HttpResponse:
    raise AssertionError("nothing has changed, and the page is rendered")


def test_the_first_time_the_page_is_rendered() -> None:
    response = live_response(RequestFactory().get("/"), "v1", lambda: HttpResponse("rows"))

    assert (response.status_code, response.content, response["ETag"]) == (200, b"rows", '"v1"')
    assert response["Cache-Control"] == "private, no-cache"


def test_the_same_version_is_not_rendered_again() -> None:
    request = RequestFactory().get("/", headers={"If-None-Match": '"v1"'})
    response = live_response(request, "v1", unexpected)

    assert (response.status_code, response.content, response["ETag"]) == (304, b"", '"v1"')
    assert response["Cache-Control"] == "private, no-cache"


def test_another_version_is_rendered() -> None:
    request = RequestFactory().get("/", headers={"If-None-Match": '"v1"'})
    response = live_response(request, "v2", lambda: HttpResponse("more rows"))

    assert (response.status_code, response["ETag"]) == (200, '"v2"')
