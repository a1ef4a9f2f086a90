"""What the process that sends layers serves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from portal.runtime.layers import only_layers


def asked(path: str) -> tuple[str, list[bytes]]:
    statuses: list[str] = []

    def application(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return [b"of the application"]

    body = only_layers(application)({"PATH_INFO": path}, lambda status, headers: statuses.append(status))  # type: ignore[arg-type]
    return statuses[0], list(body)


@pytest.mark.parametrize("path", ["/v2/", "/v2/token", "/v2/acme/default/app/blobs/sha256:0", "/livez", "/readyz"])
def test_the_registry_and_probes(path: str) -> None:
    assert asked(path) == ("200 OK", [b"of the application"])


@pytest.mark.parametrize(
    "path", ["", "/", "/v2", "/V2/", "/admin/", "/accounts/login/", "/node/v1/poll", "/metrics", "/livez/", "/static/x"]
)
def test_nothing_else(path: str) -> None:
    status, body = asked(path)
    assert status == "404 Not Found"
    assert b"layers" in body[0]


def test_its_own_response_is_neither_stored_nor_guessed_at() -> None:
    sent: list[tuple[str, str]] = []
    list(only_layers(lambda environ, start: [])({"PATH_INFO": "/"}, lambda status, headers: sent.extend(headers)))  # type: ignore[arg-type]
    assert ("X-Content-Type-Options", "nosniff") in sent
    assert ("Cache-Control", "no-store") in sent
