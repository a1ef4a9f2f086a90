"""Who is signed in, request by request."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from portal.accounts import session_limits
from portal.accounts.middleware import UnalteredAccountMiddleware
from portal.accounts.sessions import SessionStore
from portal.models import RefusedSignIn, User


def request_of(browser: Client) -> HttpRequest:
    request = RequestFactory().get("/")
    request.session = browser.session
    UnalteredAccountMiddleware(lambda request: HttpResponse()).process_request(request)
    return request


def test_who_is_signed_in_stays_so(bob: User, member: Client) -> None:
    request = request_of(member)
    assert request.user == bob
    assert Session.objects.exists()


def test_an_altered_account_is_signed_out_and_noted_once(bob: User, member: Client) -> None:
    User.objects.filter(pk=bob.pk).update(is_superuser=True)
    request = request_of(member)
    assert not request.user.is_authenticated
    assert not request.user.is_superuser
    assert not Session.objects.exists()
    [noted] = RefusedSignIn.objects.all()
    assert (noted.person_id, noted.reason, noted.is_signed_in) == (bob.pk, "altered", False)


def test_nobody_is_nobody(db: None) -> None:
    assert not request_of(Client()).user.is_authenticated


def test_views_that_wait_get_the_same_answer(monkeypatch: Any) -> None:
    answer = User(email="x@acme.example")
    monkeypatch.setattr("portal.accounts.middleware.get_user", lambda request: answer)
    monkeypatch.setattr(User, "is_unaltered", True)
    request = RequestFactory().get("/")
    request.session = SessionStore()
    session_limits.begin(request.session)
    UnalteredAccountMiddleware(lambda request: HttpResponse()).process_request(request)
    with ThreadPoolExecutor(1) as elsewhere:  # a browser's event loop may be running in this thread
        assert elsewhere.submit(async_to_sync(request.auser)).result() is answer
