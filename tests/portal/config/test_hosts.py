"""The hosts that the portal answers to."""

from __future__ import annotations

import pytest

from portal.config.hosts import answered_hosts


@pytest.mark.parametrize(
    ("urls", "hosts"),
    [
        (["https://portal.example"], ["portal.example"]),
        (["https://portal.example:8443", "https://layers.example"], ["layers.example", "portal.example"]),
        (["http://localhost:8000", "http://localhost:8001"], ["127.0.0.1", "[::1]", "localhost"]),
        (["http://[::1]:8000"], ["127.0.0.1", "[::1]", "localhost"]),
        (["http://[2001:db8::1]"], ["[2001:db8::1]"]),
        (["https://portal.example", "http://127.0.0.1:8001"], ["127.0.0.1", "[::1]", "localhost", "portal.example"]),
    ],
)
def test_they_are_those_of_its_addresses(urls: list[str], hosts: list[str]) -> None:
    assert answered_hosts(*urls) == hosts
