"""Hosts that members enter as registries: public ones, and those that the operator's settings allow."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from pytest_django import Settings

from registries import hosts
from registries.failures import HostNotAllowed
from registries.hosts import Purpose
from registries.oci.opened_networks import parse
from registries.oci.reference import ReferenceInvalid


@pytest.fixture(autouse=True)
def _no_networks(settings: Settings) -> None:
    settings.PORTAL_REGISTRY_ALLOW_NETWORKS = []
    settings.PORTAL_WEBHOOK_ALLOW_NETWORKS = []
    settings.PORTAL_SSO_ALLOW_NETWORKS = []
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


OPENED_BY = {Purpose.REGISTRY: "REGISTRY", Purpose.WEBHOOK: "WEBHOOK", Purpose.SIGN_IN: "SSO"}


@pytest.mark.parametrize("purpose", Purpose)
def test_a_network_is_open_for_its_purpose_only(settings: Settings, purpose: Purpose) -> None:
    """When it is entered, and when it is connected to."""
    others = set(Purpose) - {purpose}
    setattr(settings, f"PORTAL_{OPENED_BY[purpose]}_ALLOW_NETWORKS", parse("10.0.0.0/8 plain"))

    for host in ("10.0.0.7", "hooks.internal"):
        for plain in (False, True):
            assert hosts.may_connect(host, 5000, purpose=purpose, plain=plain)
            assert not any(hosts.may_connect(host, 5000, purpose=other, plain=plain) for other in others)
    inside = [("10.0.0.7", 5000)]
    assert hosts.address_guard(lambda host, port: inside, purpose).addresses("registry.example.com", 5000)
    for other in others:
        with pytest.raises(HostNotAllowed):
            hosts.address_guard(lambda host, port: inside, other).addresses("registry.example.com", 5000)


def test_without_a_scheme_a_network_is_for_encrypted_webhooks(settings: Settings) -> None:
    settings.PORTAL_WEBHOOK_ALLOW_NETWORKS = parse("10.0.0.0/8, 127.0.0.0/8, 192.168.0.0/16 plain")
    plain = {
        host: hosts.may_connect(host, 8080, purpose=Purpose.WEBHOOK, plain=True)
        for host in ("10.0.0.7", "127.0.0.1", "192.168.0.7")
    }
    assert plain == {"10.0.0.7": False, "127.0.0.1": True, "192.168.0.7": True}


def test_a_local_name_may_be_in_any_of_the_networks(settings: Settings) -> None:
    settings.PORTAL_REGISTRY_ALLOW_NETWORKS = parse("10.0.0.0/8 443 tls, 192.168.0.0/16 5000")
    assert hosts.read_host("registry.internal:5000") == "registry.internal:5000"
    assert hosts.read_host("registry.internal") == "registry.internal"
    with pytest.raises(ReferenceInvalid):
        hosts.read_host("registry.internal:5001")
