"""Mails on a console: whole, harmless, in no log, and holding up nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client

from portal.config.mail import CONSOLE_MAIL
from portal.mail import console as console_mail
from portal.mail import sending
from portal.runtime import services
from portal.runtime.supervisor import Child
from tests.support import password_mails


@pytest.fixture
def console(settings: Any) -> Iterator[int]:
    """A console, as the end that shows it."""
    shown, written = os.pipe()
    os.set_blocking(shown, False)
    settings.PORTAL_PRINTS_MAIL = True
    settings.PORTAL_CONSOLE_FD = written
    settings.EMAIL_BACKEND = CONSOLE_MAIL
    yield shown
    for each in (shown, written):
        os.close(each)


def read(console: int) -> str:
    return os.read(console, 100_000).decode()


def test_an_invitation_is_printed_and_its_link_shown(
    console: int, alice: Any, acme: Any, as_user: Any, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    page = as_user(alice).post("/o/acme/settings/members/invite/", {"email": "nina@acme.example", "role": "member"})

    printed = read(console)
    assert "Mail to nina@acme.example: [Drayage] Join Acme" in printed
    link = printed[printed.index("http") :].split()[0]
    assert link in page.content.decode()
    assert "printed on its console" in page.content.decode()
    assert Client().get(link, follow=True).status_code == 200
    assert link not in caplog.text + "".join(capfd.readouterr())


def test_a_forgotten_password(console: int, alice: Any) -> None:
    page = Client().post("/accounts/password/reset/", {"email": alice.email}, follow=True)
    password_mails.deliver()
    assert "/accounts/password/reset/key/" in read(console)
    assert "printed on its console" in page.content.decode()


def test_what_people_wrote_does_not_steer_the_terminal() -> None:
    text = console_mail.printed(EmailMessage("Hi", "one\x1b[2J\r\n\ttwo\x9b1m \u202e", to=["a@b.example"]))
    assert all(each.isprintable() for each in text.splitlines())
    assert "    two" in text


def test_a_console_that_nobody_reads_holds_up_no_page(console: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_mail, "TIMEOUT_MS", 10)
    context = {"asked": None, "text": "x" * 8000, "waits": False}
    ways = [sending.send("support_answer", "bob@acme.example", context) for _ in range(20)]
    assert (ways[0], ways[-1]) == (sending.Outcome.PRINTED, sending.Outcome.NOT_SENT)


@pytest.mark.parametrize(
    ("public", "url", "named", "prints"),
    [
        ("http://localhost:8000", None, False, True),
        ("http://127.0.0.1:8000", None, False, True),
        ("https://portal.example", None, False, False),
        ("https://portal.example", CONSOLE_MAIL, True, True),
        ("http://localhost:8000", "django.core.mail.backends.dummy.EmailBackend", True, False),
        ("http://localhost:8000", "django.core.mail.backends.smtp.EmailBackend", True, False),
    ],
)
def test_where_up_prints_mails(settings: Any, public: str, url: str | None, named: bool, prints: bool) -> None:
    backend = url or "django.core.mail.backends.dummy.EmailBackend"
    email = {**settings.ENV.email, "EMAIL_BACKEND": backend}
    settings.ENV = replace(settings.ENV, public_url=public, email=email, email_named=named)
    assert services.prints_mail() is prints


def test_children_get_the_console_beside_their_log() -> None:
    child = services.with_console(Child("web", ["true"], {"PORTAL_ZONE": "web"}), 7)
    assert child.environment == {
        "PORTAL_ZONE": "web",
        "PORTAL_EMAIL_URL": "console:",
        "PORTAL_EMAIL_URL_FILE": "",
        "PORTAL_CONSOLE_FD": "7",
    }
    assert child.shares == (7,)
