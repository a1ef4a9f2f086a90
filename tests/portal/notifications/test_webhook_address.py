"""Which addresses a webhook can have."""

from __future__ import annotations

from typing import Any

import pytest

from portal.notifications.webhook_address import AddressRefused, check_address
from registries.oci.opened_networks import parse


@pytest.fixture(autouse=True)
def _no_network_is_opened(settings: Any) -> None:
    settings.PORTAL_WEBHOOK_ALLOW_NETWORKS = []


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


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost.", "LOCALHOST", "a.localhost", "printer.local", "metadata.google.internal",
        "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.1",
        "017700000001",
        "10.0.0.7", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254", "100.100.100.200", "168.63.129.16",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255",
        "[::]", "[::1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]",
        "[2002:7f00:1::]", "[2001:db8::1]", "[2001::1]", "[fe80::1]", "[fd00:ec2::254]", "[ff02::1]", "[fe80::1%25lo]",
        "[::1%lo]", "[fe80::1%25]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("port", ["", ":443", ":8443"])
def test_no_private_address_is_accepted_however_it_is_written(host: str, port: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        check_address(f"https://{host}{port}/hook")
    assert "may not connect" in refused.value.message


@pytest.mark.parametrize(
    "address",
    [
        "https://::1/", "https://[::1", "https://::1]/", "https://[]/", "https://[1.2.3.4]/", "https://[v1.a]/",
        "https://[::1]8443/", "https://[[::1]]/", "https://[2606:4700:4700::1111]:/", "https://[2606:4700::x]/",
        "https://h.example:/", "https://h.example:+443/", "https://h.example:0443/", "https://h.example:65536/",
        "https://h.example:-1/", "https://h.example:443:443/", "https://h.example:4 43/", "https://h.example:４４３/",
        "https://①②⑦.0.0.1/", "https://127。0。0。1/", "https://１２７.0.0.1/", "https://b\u00fccher.example/",
        "https://", "https:///", "https:h.example", "https:/h.example/", "https://?x", "https://#x", "https://:443/",
        "https://@h.example/", "https://:@h.example/", "https://h.example@127.0.0.1/", "https://h.example\\@127.0.0.1/",
        "https://h.example\t/", "https://h.example/\r\nX: y", "https://h.example/\0", "https://%6c%6f/",
        "https://a..b/", "https://.a/", "https://-a.example/", "https://a_b.example/",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 127 + "example/", "https://*.example/", "//h.example/", "javascript:alert(1)",
        "file:///etc/passwd",
        "gopher://h.example/", "https://h.example/<x>", "https://h.example/\u202e",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_never_an_error(address: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        check_address(address)
    assert refused.value.message.endswith(".")
    assert len(refused.value.message) < 200


@pytest.mark.parametrize("port", [0, 1, 22, 25, 80, 442, 444, 1023, 3306, 5432, 6379, 11211, 27017])
def test_other_ports_are_refused(port: int) -> None:
    with pytest.raises(AddressRefused, match="port"):
        check_address(f"https://hooks.example.com:{port}/")


@pytest.mark.parametrize(
    ("networks", "accepted", "refused"),
    [
        (
            "",
            [],
            ["http://127.0.0.1:8080/", "https://127.0.0.1:8443/", "https://10.0.0.1/", "http://hooks.example.com/"],
        ),
        (
            "127.0.0.0/8",
            ["http://127.0.0.1:8080/hook", "https://127.0.0.1:8443/", "https://localhost:8443/"],
            ["http://127.0.0.1:6379/", "http://10.0.0.1/", "https://[::1]/", "http://8.8.8.8/"],
        ),
        (
            "10.0.0.0/8",
            ["https://10.0.0.1/", "https://10.0.0.1:8080/", "https://hooks.internal/"],
            ["http://10.0.0.1/", "http://hooks.internal/", "https://10.0.0.1:6379/", "https://192.168.0.1/"],
        ),
        (
            "10.0.0.0/8 8443 plain, 192.168.0.0/16 443 tls",
            [
                "https://10.0.0.1:8443/",
                "http://10.0.0.1:8443/",
                "https://192.168.0.1/",
                "http://hooks.corp.example:8443/",
            ],
            ["https://10.0.0.1/", "http://10.0.0.1/", "http://192.168.0.1/", "https://192.168.0.1:8443/"],
        ),
        (
            "fd00::/8 plain",
            ["https://[fd00::7]/", "http://[fd00::7]:8080/"],
            ["https://[fe80::7]/", "https://10.0.0.1/"],
        ),
    ],
)
def test_the_operators_networks_for_webhooks(
    settings: Any, networks: str, accepted: list[str], refused: list[str]
) -> None:
    settings.PORTAL_WEBHOOK_ALLOW_NETWORKS = parse(networks)
    for address in accepted:
        assert check_address(address) == address
    for address in refused:
        with pytest.raises(AddressRefused):
            check_address(address)


def test_networks_for_registries_open_nothing_for_webhooks(settings: Any) -> None:
    settings.PORTAL_REGISTRY_ALLOW_NETWORKS = parse("127.0.0.0/8, 10.0.0.0/8 plain, fd00::/8")
    for host in ("127.0.0.1", "10.0.0.1:8080", "[fd00::1]", "localhost", "hooks.internal"):
        for scheme in ("http", "https"):
            with pytest.raises(AddressRefused):
                check_address(f"{scheme}://{host}/")
