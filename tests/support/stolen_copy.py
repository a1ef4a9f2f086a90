"""A thief who presents each value of a copy of the database and of Redis wherever the portal takes a secret."""

from __future__ import annotations

import base64
import binascii
import itertools
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from html import escape
from typing import Any
from urllib.parse import quote

from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.http import HttpRequest
from django.template.backends.django import Template
from django.test import Client
from django.utils.safestring import SafeString

from groups.models import Node
from portal.models import SignInLimit, User
from tests.support.delivery_setup import ec_key, public_pem

_LINK = re.compile(r"[^\s/]{8,400}")
"""What can be a part of an address, or a code."""


@dataclass(frozen=True)
class Place:
    """Where a value can be presented. `send` returns the response; `fits` says which values can be."""

    name: str
    send: Callable[[str], Any]
    fits: Callable[[str], bool] = field(default=lambda value: _LINK.fullmatch(value) is not None)


@dataclass(frozen=True)
class Finding:
    """A value that got its presenter something else than a stranger gets."""

    place: str
    value: str
    expected: object
    got: object


class Thief:
    """Presents values wherever the portal takes a secret, and compares the responses with those to a stranger."""

    def __init__(self, places: list[Place]) -> None:
        self._places = places
        self._strangers = {place.name: _essences(place.send(STRANGE), STRANGE) for place in places}

    def present(self, values: Iterable[str]) -> list[Finding]:
        """Present each value in each place."""
        findings = []
        for value in values:
            for place in self._places:
                if not place.fits(value):
                    continue
                got = _essences(place.send(value), value)
                if not got & self._strangers[place.name]:
                    findings.append(Finding(place.name, value, self._strangers[place.name], got))
        return findings


STRANGE = "strange-value-that-nobody-was-given"
MIN_SECRET = 8
"""Shorter values are presented as codes and passwords only."""


def _essences(response: Any, value: str) -> set[tuple[int, str, str]]:
    """What a response says: its status, where it leads, and its text, as it is and without the value in it."""
    text = _VARYING.sub("", response.content.decode(errors="replace"))
    location = response.headers.get("Location", "")
    found = {(response.status_code, location, text)}
    for form in sorted({value, quote(value), quote(value, safe=""), escape(value)}, key=len, reverse=True):
        if len(form) >= MIN_SECRET:  # a short one is part of many words
            text, location = text.replace(form, "…"), location.replace(form, "…")
    return found | {(response.status_code, location, text)}


_VARYING = re.compile(r'"(instance|request_id)": ?"[^"]*"')


@contextmanager
def quick_pages() -> Iterator[None]:
    """Pages say which template they are, and nothing is logged: a response is compared, not read."""

    def render(template: Template, context: Any = None, request: HttpRequest | None = None) -> SafeString:
        return SafeString(template.template.name or "")

    really: Any = Template.render
    Template.render = render  # type: ignore[method-assign, assignment]
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        Template.render = really  # type: ignore[method-assign]
        logging.disable(logging.NOTSET)


def places(browser: Callable[[], Client], midway: Client, invited: str) -> list[Place]:
    """Return every place. `midway` is a browser that was signed in with a password and is asked for the code;
    `invited` is the address of somebody with an account, whose password is tried."""
    nodes = [str(pk) for pk in Node.objects.values_list("pk", flat=True)]
    people = [user_pk_to_url_str(user) for user in User.objects.all()]
    key_pem = public_pem(ec_key())
    signed_out = browser()
    networks = itertools.count()  # each call is the first one from its address

    def with_cookies(value: str) -> Any:
        client = browser()
        for name in (settings.SESSION_COOKIE_NAME, "sessionid", settings.CSRF_COOKIE_NAME):
            client.cookies[name] = value
        client.cookies["messages"] = "x"
        return client.get("/accounts/password/change/")

    def forget_attempts() -> None:
        SignInLimit.objects.all().delete()  # with all the time in the world, a thief tries one after the other

    def headers(**values: str) -> dict[str, str]:
        return {name.replace("_", "-"): text for name, text in values.items()}

    def get(path: str, **values: str) -> Any:
        return signed_out.get(path, headers=headers(**values), REMOTE_ADDR=f"2001:db8:{next(networks):x}::1")

    def post_code(value: str) -> Any:
        forget_attempts()
        return midway.post("/accounts/2fa/authenticate/", {"code": value})

    def sign_in(value: str) -> Any:
        forget_attempts()
        return browser().post("/accounts/login/", {"login": invited, "password": value})

    def enrol(value: str) -> Any:
        body = {"code": value, "name": "thief", "public_key": key_pem}
        return signed_out.post("/node/v1/enrol", body, "application/json")

    found = [
        Place("session cookie", with_cookies, _is_cookie),
        Place("API key", lambda value: get("/api/public/organizations/acme/quotas", Salad_Api_Key=value), _is_header),
        Place("API v1 key", lambda value: get("/api/v1/organizations/acme/receipts", Salad_Api_Key=value), _is_header),
        Place("bearer of a session", lambda value: get("/v2/", Authorization=f"Bearer {value}"), _is_header),
        Place(
            "metrics", lambda value: get("/metrics", Authorization=f"Bearer {value}", X_Forwarded_For="x"), _is_header
        ),
        Place(
            "node's call",
            lambda value: signed_out.post(
                "/node/v1/poll", {}, "application/json", headers={"Authorization": f"Bearer {value}"}
            ),
            _is_header,
        ),
        Place("invitation", lambda value: browser().get(f"/invitations/{quote(value, safe='')}/")),
        Place("confirmation", lambda value: browser().get(f"/accounts/confirm-email/{quote(value, safe='')}/")),
        Place("enrolment code", enrol),
        Place("second factor", post_code, lambda value: 4 <= len(value) <= 100),
        Place("second factor from its secret", lambda value: post_code(_code_of(value)), lambda v: bool(_code_of(v))),
        Place("password", sign_in, lambda value: len(value) <= 128),
    ]
    for node in nodes:
        found.append(Place(f"node token of {node}", partial(_redeem, signed_out, node)))
    for person in people:
        found.append(Place(f"password link of {person}", partial(_open_link, browser, person)))
    return found


def _redeem(browser: Client, node: str, value: str) -> Any:
    credentials = base64.b64encode(f"{node}:{value}".encode()).decode()
    return browser.get("/v2/token", headers={"Authorization": f"Basic {credentials}"})


def _open_link(browser: Callable[[], Client], person: str, value: str) -> Any:
    return browser().get(f"/accounts/password/reset/key/{person}-{quote(value, safe='')}/")


def _is_header(value: str) -> bool:
    return len(value) >= MIN_SECRET and value.isprintable() and value.isascii()


def _is_cookie(value: str) -> bool:
    return re.fullmatch(r"[\w.:+/=-]{8,}", value, re.ASCII) is not None


def _code_of(value: str) -> str:
    """The code that an app with this secret shows now; empty where it is no secret."""
    try:
        counters = list(totp.yield_hotp_counters_from_time())
        return str(totp.format_hotp_value(totp.hotp_value(value, counters[len(counters) // 2])))
    except (binascii.Error, UnicodeEncodeError, ValueError):
        return ""
