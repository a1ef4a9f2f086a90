"""Whose address the activity has behind a proxy, and that nobody can choose it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from django.conf import LazySettings
from django.test import Client

from portal.http.client_address import client_of, share_of
from portal.models import Activity, RefusedSignIn, User
from tests.conftest import PASSWORD

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
        (PROXY, f"{SPOOFED}, {CLIENT}:4711", PROXY),
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
