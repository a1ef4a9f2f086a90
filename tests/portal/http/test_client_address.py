"""Whose address the activity has behind a proxy, and that nobody can choose it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from django.conf import LazySettings
from django.test import Client

from portal.http.client_address import ProxyHeader, client_of, share_of
from portal.models import Activity, RefusedSignIn, User
from tests.conftest import PASSWORD
from tests.support.product_modules import MODULES

PROXIES = [ip_network("127.0.0.1"), ip_network("10.0.0.0/24"), ip_network("fd00::/8")]
PROXY, CLIENT, SPOOFED = "127.0.0.1", "198.51.100.7", "203.0.113.9"


@pytest.mark.parametrize(
    ("peer", "header", "client"),
    [
        (PROXY, CLIENT, CLIENT),
        (PROXY, f"{SPOOFED}, {CLIENT}", CLIENT),
        (PROXY, f"{SPOOFED},{CLIENT}, 10.0.0.3", CLIENT),
        (PROXY, f"{SPOOFED}, {CLIENT}, fd00::1", CLIENT),
        (PROXY, "2001:db8::1", "2001:db8::1"),
        (CLIENT, SPOOFED, CLIENT),
        (CLIENT, "127.0.0.1", CLIENT),
        (PROXY, "", PROXY),
        (PROXY, f"{SPOOFED}, unknown", PROXY),
        (PROXY, f"{SPOOFED}, {CLIENT}:4711", CLIENT),
        (PROXY, f"{SPOOFED}, [2001:db8::1]:4711", "2001:db8::1"),
        (PROXY, f"{SPOOFED}, {CLIENT}:", PROXY),
        (PROXY, f"{SPOOFED}, [2001:db8::1", PROXY),
        (PROXY, f"{SPOOFED}, {CLIENT} ", CLIENT),
        (PROXY, f"{SPOOFED},, ", PROXY),
        (PROXY, f"for={CLIENT}", PROXY),
        (PROXY, "10.0.0.4, 10.0.0.3", "10.0.0.4"),
        ("", SPOOFED, ""),
        (f"::ffff:{PROXY}", f"{SPOOFED}, ::ffff:{CLIENT}", CLIENT),
        (f"::ffff:{CLIENT}", SPOOFED, f"::ffff:{CLIENT}"),
    ],
)
def test_only_what_a_proxy_appended_is_believed(peer: str, header: str, client: str) -> None:
    assert client_of(peer, header, PROXIES) == client


def test_the_activity_has_the_address_of_the_client(settings: LazySettings, alice: User) -> None:
    settings.PORTAL_TRUSTED_PROXIES = PROXIES
    headers = {"X-Forwarded-For": f"{SPOOFED}, {CLIENT}"}
    Client(headers=headers).post("/accounts/login/", {"login": alice.email, "password": "wrong"})
    Client(headers=headers).post("/accounts/login/", {"login": alice.email, "password": PASSWORD})

    assert RefusedSignIn.objects.get().client_address == CLIENT
    rows = Activity.objects.filter(action="account.signed_in").values_list("text__client_address", flat=True)
    assert set(rows) == {CLIENT}


def test_without_a_proxy_the_header_means_nothing(alice: User) -> None:
    Client(headers={"X-Forwarded-For": SPOOFED}).post("/accounts/login/", {"login": alice.email, "password": "wrong"})

    assert RefusedSignIn.objects.get().client_address == PROXY


@pytest.mark.parametrize(
    ("count", "header", "client"),
    [
        (1, CLIENT, CLIENT),
        (1, f"{SPOOFED}, {CLIENT}", CLIENT),
        (2, f"{SPOOFED}, {CLIENT}, 10.9.9.9", CLIENT),
        (2, f"{SPOOFED}, {CLIENT}:80, 10.9.9.9:4711", CLIENT),
        (2, CLIENT, PROXY),
        (1, "", PROXY),
        (1, "unknown", PROXY),
        (2, f"{CLIENT}, unknown", PROXY),
        (32, ", ".join([SPOOFED] * 5 + [CLIENT] + ["10.9.9.9"] * 31), CLIENT),
    ],
)
def test_so_many_proxies_are_in_front(count: int, header: str, client: str) -> None:
    assert client_of(PROXY, header, count) == client


def test_a_header_of_very_many_entries_is_not_read_to_its_end() -> None:
    assert client_of(PROXY, f"{CLIENT}, " + ", ".join(["10.0.0.3"] * 40), PROXIES) == "10.0.0.3"


@pytest.mark.parametrize("proxies", [PROXIES, 1])
@pytest.mark.parametrize(
    ("believed", "headers"),
    [
        (ProxyHeader.X_FORWARDED_FOR, {"X-Forwarded-For": CLIENT, "Forwarded": f"for={SPOOFED}"}),
        (ProxyHeader.FORWARDED, {"Forwarded": f"for={CLIENT}", "X-Forwarded-For": SPOOFED}),
    ],
)
def test_only_one_header_is_believed(
    settings: LazySettings, alice: User, proxies: object, believed: str, headers: dict[str, str]
) -> None:
    settings.PORTAL_TRUSTED_PROXIES, settings.PORTAL_PROXY_HEADER = proxies, believed
    Client(headers=headers).post("/accounts/login/", {"login": alice.email, "password": "wrong"})

    assert RefusedSignIn.objects.get().client_address == CLIENT


@pytest.mark.parametrize("header", list(ProxyHeader))
def test_a_proxy_that_sets_the_other_header_is_the_client_itself(
    settings: LazySettings, alice: User, header: ProxyHeader
) -> None:
    settings.PORTAL_TRUSTED_PROXIES, settings.PORTAL_PROXY_HEADER = PROXIES, header
    other = {"Forwarded": f"for={SPOOFED}", "X-Forwarded-For": SPOOFED}
    del other["Forwarded" if header is ProxyHeader.FORWARDED else "X-Forwarded-For"]
    Client(headers=other).post("/accounts/login/", {"login": alice.email, "password": "wrong"})

    assert RefusedSignIn.objects.get().client_address == PROXY


def test_nothing_else_reads_who_is_connected_or_who_called_from_headers() -> None:
    """Every other module asks `registries.foundation.requests.client_address`, which reads what the middleware set."""
    names = ("REMOTE_ADDR", "X_FORWARDED_FOR", "X-Forwarded-For")
    readers = {module for module, path in MODULES.items() if any(name in path.read_text() for name in names)}
    assert readers == {"portal.http.client_address", "registries.foundation.requests"}


@pytest.mark.parametrize(
    ("address", "share"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_a_network_of_ipv6_has_one_share(address: str, share: str) -> None:
    assert share_of(address) == share
