"""`Forwarded` is read from its end, so what a client sent in front changes nothing."""

from __future__ import annotations

import pytest

from portal.http.client_address import ProxyHeader, client_of
from portal.http.forwarded_header import newest_first

CLIENT, SPOOFED = "192.0.2.7", "203.0.113.9"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("for=192.0.2.7", ["192.0.2.7"]),
        ('For="192.0.2.7:4711"', ["192.0.2.7:4711"]),
        ('for="[2001:db8::1]"', ["[2001:db8::1]"]),
        ('for="[2001:db8::1]:4711";proto=https', ["[2001:db8::1]:4711"]),
        ("for=192.0.2.1;proto=http;by=203.0.113.43", ["192.0.2.1"]),
        ("proto=http;for=192.0.2.1;", ["192.0.2.1"]),
        ("for=192.0.2.43, for=198.51.100.17", ["198.51.100.17", "192.0.2.43"]),
        ('for=192.0.2.43,for="[2001:db8::1]";host="a,b"', ["[2001:db8::1]", "192.0.2.43"]),
        (r'for="192.0\.2.1"', ["192.0.2.1"]),
        ("for=unknown", [""]),
        ("for=_hidden, for=192.0.2.1", ["192.0.2.1", ""]),
        ('for="_gazonk"', [""]),
        ('for="192.0.2.1:_port"', [""]),
        ('for="2001:db8::1"', [""]),
        ("for=[2001:db8::1]", [""]),
        ("proto=https", [""]),
        ("for=192.0.2.1;for=192.0.2.2", [""]),
        ("192.0.2.1", [""]),
        ("for=192.0.2.1 for=192.0.2.2", [""]),
        ('for="192.0.2.1', [""]),
        ("", []),
        (" , ", [""]),
    ],
)
def test_what_is_in_it(text: str, found: list[str]) -> None:
    assert list(newest_first(text)) == found


@pytest.mark.parametrize(
    "appended", [CLIENT, f"{CLIENT};proto=https", f'"{CLIENT}:4711";by=_a', f'{CLIENT};host="a,b"']
)
@pytest.mark.parametrize(
    "sent",
    [
        f"for={SPOOFED}",
        f'for="{SPOOFED}',
        f'for={SPOOFED};x="',
        f'for={SPOOFED};x="\\',
        f"for={SPOOFED};",
        f"for={SPOOFED},,,",
        f"for={SPOOFED};by=",
        'for="' + "," * 100,
        "for=" * 1000,
        '"' * 1000,
    ],
)
def test_nothing_that_a_client_sends_changes_what_the_proxy_appended(sent: str, appended: str) -> None:
    text = f"{sent}, for={appended}"
    assert next(newest_first(text)).partition(":")[0] == CLIENT
    assert client_of("10.0.0.1", text, 1, ProxyHeader.FORWARDED) == CLIENT
