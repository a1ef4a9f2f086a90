"""No secret reaches a log, whoever writes it and in whichever form."""

from __future__ import annotations

import io
import json
import logging
import sys
from typing import Any

import pytest
import structlog

from portal.config.logs import logging_config
from portal.config.redaction import RedactedRecord, redact
from registries.secrets import one_time

SECRETS = [one_time.new(prefix) for prefix in ("dri_", "drp_", "drt_", "drs_", "dre_", "drayage_")]
LINKS = [
    "/invitations/{}/",
    "/accounts/password/reset/key/1a-{}/",
    "/accounts/confirm-email/{}/",
    "https://portal.example/invitations/{}",
    "/accounts/login/?next=/invitations/{}/",
    "/accounts/login/?next=%2Finvitations%2F{}%2F",
    "/a?next=%252Finvitations%252f{}",
    "/v2/token?token={}&x=1",
    "/o/acme/search/?q={}",
    "/a?next=/v2/token%3Ftoken%3D{}",
    "/a%22{}%22",
    "/a_{}",
    "invitations/{}/",
    "accounts/password/reset/key/1a-{}/",
    "path=invitations/{}",
    "'accounts/confirm-email/{}/'",
    "/%69nvitations/{}/",
    "/invitation%73%2f{}",
    "?next=%2F%2569nvitations%252F{}",
    "/accounts%2fpassword%2fr%65set/key/1a-{}",
]
DAMAGED = ["no-prefix-at-all-3141592653", "drx 3141592653 with blanks", "dri_A\\3141592653", "3141592653'<é\0"]


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret.partition("_")[0])
@pytest.mark.parametrize("text", ["{}", "token {} refused", "<{}>", '{{"token": "{}"}}', *LINKS])
def test_a_secret_of_the_portals(text: str, secret: str) -> None:
    shown = redact(text.format(secret))
    assert secret[-20:] not in shown
    assert "[redacted]" in shown


@pytest.mark.parametrize("damaged", DAMAGED)
@pytest.mark.parametrize("link", [*LINKS[:3], *LINKS[12:]])
def test_whatever_follows_a_secret_links_path(link: str, damaged: str) -> None:
    for text in (link, f"Forbidden (CSRF cookie not set.): {link}", f"<WSGIRequest: GET '{link}'>"):
        assert "3141592653" not in redact(text.format(damaged))


def test_other_parts_of_a_line_stay() -> None:
    line = f'127.0.0.1 "GET /invitations/{SECRETS[0]}/ HTTP/1.1" 302 0'
    assert redact(line) == '127.0.0.1 "GET /invitations/[redacted]" 302 0'
    for text in (
        "Not Found: /o/acme/settings/invitations/7d2c/withdraw/",
        "/invitations/accept/",
        "/accounts/login/?next=/invitations/accept/",
        "drayage_groups 7",
        "the invitations of acme",
        "settings/invitations/7d2c/withdraw/",
        "exit code=1 key=value q=0.9",
        "csrf tokens=3",
        "sha256:" + "a" * 64,
    ):
        assert redact(text) == text


def test_a_webhooks_secret_and_a_nodes_call() -> None:
    assert redact("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") == "whsec_[redacted]"
    assert redact("Bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln") == "Bearer eyJ[redacted]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer 3141592653abcdef", "Authorization: Bearer [redacted]"),
        ("'basic dXNlcjozMTQxNTkyNjUz'", "'basic [redacted]'"),
        ("Cookie: a=1; __Host-sessionid=3141592653abcdef; b=2", "Cookie: a=1; __Host-sessionid=[redacted]; b=2"),
        ("at redis://:a-pw@localhost:6379/0", "at redis://:[redacted]@localhost:6379/0"),
        ("postgres://portal:a-pw@db/portal", "postgres://portal:[redacted]@db/portal"),
        ("https://portal.example:8443/a?b=c:d@e", "https://portal.example:8443/a?b=c:d@e"),
        ("basic authentication", "basic authentication"),
        ("refused token=3141592653 at once", "refused token=[redacted] at once"),
        ("/a;token=3141592653;b=1", "/a;token=[redacted];b=1"),
        ("client_secret=3141592653&b=1", "client_secret=[redacted]&b=1"),
        ("grant_type=x&refresh_token=3141592653", "grant_type=x&refresh_token=[redacted]"),
        ("{'line': 'password=3141592653'}", "{'line': 'password=[redacted]'}"),
        ("db_password='3141592653'", "db_password='[redacted]'"),
        ("?next=/a%3Ftoken%3D3141592653", "?next=/a%3Ftoken%3D[redacted]"),
        ("Token=3141592653 PASSWORD=3141592653", "Token=[redacted] PASSWORD=[redacted]"),
    ],
)
def test_what_programs_and_browsers_present(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.fixture
def written() -> Any:
    """A log as it is configured, that is written to memory. Returns its logger and how to read it."""
    stream = io.StringIO()
    config: Any = logging_config(debug=False)
    handler = logging.StreamHandler(stream)
    formatter = dict(config["formatters"]["json"])
    handler.setFormatter(formatter.pop("()")(**formatter))
    logger = logging.getLogger("test.redaction")
    logger.addHandler(handler)
    yield logger, stream.getvalue
    logger.removeHandler(handler)


LINK = f"/invitations/{SECRETS[0]}/"


def _raise(text: str) -> None:
    raise ValueError(text)


def test_every_kind_of_record(written: Any, caplog: pytest.LogCaptureFixture) -> None:
    logger, read = written
    logger.warning("Forbidden: %s", LINK)
    logger.warning("Forbidden: " + LINK)
    logger.warning("%(method)s %(path)s", {"method": "GET", "path": LINK})
    logger.warning({"a": 1, "path": LINK})
    logger.warning("does not fit %d", LINK)
    logger.warning("too many", LINK)
    structlog.get_logger("test.redaction").warning("seen", path=LINK, deep={"list": [LINK, {"x": (LINK,)}]}, odd=b"x")
    for text in (LINK, f"about {LINK}"):
        try:
            _raise(text)
        except ValueError:
            logger.exception("failed at %s", LINK)
            structlog.get_logger("test.redaction").exception("failed", path=LINK)
            logger.error("failed", exc_info=sys.exc_info(), stack_info=True)
    assert len(read().splitlines()) == 13
    assert all(json.loads(line)["level"] for line in read().splitlines())
    for text in (read(), caplog.text):
        assert SECRETS[0] not in text
        assert "ValueError: about /invitations/[redacted]" in text


def test_a_record_without_secrets_is_as_it_was() -> None:
    error = (ValueError, ValueError("plain"), None)
    record = RedactedRecord("a", logging.INFO, "f.py", 1, "x %s %d", ("y", 2), error, "f", None)
    assert (record.msg, record.args, record.getMessage()) == ("x %s %d", ("y", 2), "x y 2")
    assert record.exc_text == "ValueError: plain"
    nothing = RedactedRecord("a", logging.INFO, "f.py", 1, "x", None, (None, None, None))
    assert nothing.exc_text is None


def test_it_is_installed() -> None:
    assert logging.getLogRecordFactory() is RedactedRecord
