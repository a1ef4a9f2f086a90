"""Hosts that members enter as registries: public ones, and those that the operator's settings allow."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from pytest_django import Settings

from registries import hosts
from registries.oci.reference import ReferenceInvalid


@pytest.fixture(autouse=True)
def _no_networks(settings: Settings) -> None:
    settings.PORTAL_REGISTRY_ALLOW_NETWORKS = []
    settings.PORTAL_PUBLIC_URL = "https://portal.example"
    settings.PORTAL_LAYERS_URL = "https://layers.example"


@pytest.mark.parametrize("host", ["registry.example.com", "registry.example.com:5000", "docker.io", "8.8.8.8"])
def test_public_hosts_are_accepted(host: str) -> None:
    assert hosts.read_host(host) == host


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.7",
        "127.0.0.1:5000",
        "169.254.169.254",
        "[::1]",
        "registry.example.com:22",
        "portal.example",
        "layers.example",
    ],
)
def test_private_addresses_low_ports_and_the_portal_are_refused(host: str) -> None:
    with pytest.raises(ReferenceInvalid) as refused:
        hosts.read_host(host)
    assert refused.value.code == "host_not_allowed"


def test_an_allowed_network_opens_its_own_addresses_only(settings: Settings) -> None:
    settings.PORTAL_REGISTRY_ALLOW_NETWORKS = [ip_network("10.0.0.0/8")]

    assert hosts.read_host("10.0.0.7") == "10.0.0.7"
    with pytest.raises(ReferenceInvalid):
        hosts.read_host("192.168.0.7")
