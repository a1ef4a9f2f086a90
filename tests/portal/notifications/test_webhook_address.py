"""Which addresses a webhook can have."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from portal.notifications.webhook_address import AddressRefused, check_address


@pytest.fixture(autouse=True)
def _no_network_is_opened(settings: Any) -> None:
    settings.PORTAL_REGISTRY_ALLOW_NETWORKS = []


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("https://hooks.acme.example/drayage", "https://hooks.acme.example/drayage"),
        ("  https://hooks.acme.example/  ", "https://hooks.acme.example/"),
        ("https://hooks.acme.example:8443/?to=team", "https://hooks.acme.example:8443/?to=team"),
    ],
)
def test_a_public_address_is_accepted(typed: str, address: str) -> None:
    assert check_address(typed) == address


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "begin with https"),
        ("hooks.acme.example", "begin with https"),
        ("ftp://hooks.acme.example/", "begin with https"),
        ("http://hooks.acme.example/", "begin with https"),
        ("https://hooks.acme.example/a b", "plain characters"),
        ("https://hooks.acme.example/\0", "plain characters"),
        ("https://höoks.acme.example/", "plain characters"),
        ("https://hooks.acme.example:port/", "not an address"),
        ("https://hooks.acme.example:99999/", "not an address"),
        ("https://[::1/", "not an address"),
        ("https:///drayage", "not an address"),
        ("https://hooks.acme.example/#top", "not an address"),
        ("https://bob:secret@hooks.acme.example/", "user name and password"),
        ("https://hooks.acme.example:22/", "may not connect"),
        ("https://localhost/", "may not connect"),
        ("https://127.0.0.1/", "may not connect"),
        ("https://[::1]/", "may not connect"),
        ("https://[::1]:8443/", "may not connect"),
        ("https://[fe80::1%25eth0]/", "may not connect"),
        ("https://[::ffff:127.0.0.1]/", "may not connect"),
        ("https://hooks.acme.example:0/", "may not connect"),
    ],
)
def test_another_is_refused_with_what_to_do(typed: str, words: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        check_address(typed)

    assert words in refused.value.message
    assert (refused.value.field, refused.value.status) == ("address", 400)
    assert "secret" not in refused.value.message


def test_plain_http_is_for_networks_that_the_operator_opened(settings: Any) -> None:
    settings.PORTAL_REGISTRY_ALLOW_NETWORKS = [ip_network("127.0.0.0/8")]

    assert check_address("http://127.0.0.1:8080/hook") == "http://127.0.0.1:8080/hook"
