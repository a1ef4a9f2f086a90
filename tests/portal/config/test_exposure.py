"""What operators read about how the portal is reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.config import env
from portal.config.exposure import exposure


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORTAL_DATA_DIR", str(tmp_path))


@pytest.mark.parametrize(
    ("url", "proxies", "everywhere", "said"),
    [
        ("http://localhost:8000", "", False, []),
        ("http://127.0.0.1:8000", "", False, []),
        ("http://[::1]:8000", "", False, []),
        ("https://localhost:8443", "", False, []),
        ("http://portal.example", "", True, ["is not encrypted"]),
        ("http://10.0.0.7:8000", "127.0.0.1", True, ["is not encrypted"]),
        ("https://portal.example", "127.0.0.1", False, []),
        ("https://portal.example", "127.0.0.1", True, ["without TLS on every address"]),
        ("https://portal.example", "1", False, []),
        ("https://portal.example", "10.0.0.0/8,::/0", False, ["names every address"]),
        ("https://portal.example", "", False, ["PORTAL_TRUSTED_PROXIES is not set"]),
        ("https://portal.example", "", True, ["without TLS on every address", "PORTAL_TRUSTED_PROXIES is not set"]),
    ],
)
def test_what_is_said(
    url: str, proxies: str, everywhere: bool, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTAL_PUBLIC_URL", url)
    monkeypatch.setenv("PORTAL_TRUSTED_PROXIES", proxies)
    found = exposure(env.read(), listens_everywhere=everywhere)
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))
