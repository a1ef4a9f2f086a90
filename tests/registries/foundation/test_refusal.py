"""Refusals: what a subclass says holds unless one instance says otherwise, and pages show the message."""

from __future__ import annotations

from django.contrib.messages import get_messages
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from registries.foundation.refusal import Refusal, shows_refusal


class LimitReached(Refusal):
    code = "limit_reached"
    status = 403


def test_a_subclass_and_an_instance_of_it() -> None:
    usual, other = LimitReached("No more."), LimitReached("Not here.", code="elsewhere", status=404, field="image")

    assert (usual.code, usual.status, usual.field, usual.message) == ("limit_reached", 403, "", "No more.")
    assert (other.code, other.status, other.field) == ("elsewhere", 404, "image")
    assert LimitReached.code == "limit_reached"


def test_a_view_that_is_refused_shows_the_message_on_the_other_page() -> None:
    def page(request: HttpRequest, name: str) -> HttpResponse:
        return HttpResponse(f"the page of {name}")

    @shows_refusal(otherwise=page)
    def act(request: HttpRequest, name: str) -> HttpResponse:
        raise LimitReached("No more.")

    request = RequestFactory().post("/")
    request._messages = CookieStorage(request)  # type: ignore[attr-defined]

    assert act(request, "web").content == b"the page of web"
    assert [str(message) for message in get_messages(request)] == ["No more."]
