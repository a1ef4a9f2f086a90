"""Browsers and systems in plain words."""

from __future__ import annotations

import pytest

from portal.http.devices import UNKNOWN, device_of

MOZILLA = "Mozilla/5.0"


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (f"{MOZILLA} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (f"{MOZILLA} (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        (f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15", "Safari on macOS"),
        (f"{MOZILLA} (Linux; Android 10; K) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        (f"{MOZILLA} (iPhone; CPU iPhone OS 18_0 like Mac OS X) CriOS/140.0 Safari/604.1", "Chrome on iPhone"),
        ("curl/8.5.0", "curl"),
        ("", UNKNOWN),
        ("<script>alert(1)</script>", UNKNOWN),
        ("x" * 100_000, UNKNOWN),
    ],
)
def test_browser_and_system(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device
