"""Lines of logs: one a record, whatever is in it."""

from __future__ import annotations

import json
import logging
import logging.config
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog
from django.conf import settings

from portal.config.logs import logging_config

HOSTILE = {
    "line ends": 'x\r\n{"event": "signed_in", "actor": "olga"}\n\u2028\x85\x0b\x0c',
    "terminal": "\x1b[2J\x1b]0;title\x07\x9b1m\x08\x7f",
    "right to left": "a\u202eb\u2066c",
    "quotes": '", "level": "critical", "x": "',
    "no text": "\udc80\ud800",
}
EACH_VALUE = pytest.mark.parametrize("value", HOSTILE.values(), ids=list(HOSTILE))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What the portal's own configuration of logs writes."""
    lines = StringIO()
    before = structlog.get_config()
    logging.config.dictConfig(logging_config(debug=True))
    handlers = logging.getLogger().handlers[:]
    for handler in handlers:
        assert isinstance(handler, logging.StreamHandler)
        monkeypatch.setattr(handler, "stream", lines)
    yield lines
    structlog.configure(**before)
    logging.config.dictConfig(settings.LOGGING)


@EACH_VALUE
def test_no_value_begins_another_line(value: str, written: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whichever way it comes: as a field, as the event, in the arguments of a library, in an error."""
    ours = [handler for handler in logging.getLogger().handlers if getattr(handler, "stream", None) is written]
    monkeypatch.setattr(logging.getLogger(), "handlers", ours)  # pytest-xdist can't send what pytest would capture
    structlog.get_logger("portal").warning("event", field=value)
    structlog.get_logger("portal").warning(value)
    logging.getLogger("gunicorn.error").warning("Invalid request from %s", value)
    try:
        raise ValueError(value)
    except ValueError:
        structlog.get_logger("portal").exception("failed")
        logging.getLogger("django.request").exception("Internal Server Error: %s", value)

    text = written.getvalue()
    lines = text.split("\n")
    assert (len(lines), lines[-1]) == (6, "")
    records = [json.loads(line) for line in lines[:-1]]
    assert (records[0]["event"], records[0]["field"], records[0]["level"]) == ("event", value, "warning")
    assert text.isascii()
    assert not [sign for sign in text if not sign.isprintable() and sign != "\n"]


def test_a_traceback_has_no_variables(written: StringIO) -> None:
    secret = "-".join(["canary", "in", "a", "variable"])
    try:
        assert {"password": secret}["password"] / 0  # type: ignore[operator]
    except TypeError:
        structlog.get_logger("portal").exception("failed")

    (line,) = written.getvalue().splitlines()
    assert "TypeError" in json.loads(line)["exception"]
    assert secret not in line
