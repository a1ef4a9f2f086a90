from __future__ import annotations

import pytest

from registries.oci.location import LocationInvalid, read


def test_reads_an_absolute_address() -> None:
    place = read("HTTPS://Storage.Example.:8443/a/b%20c?X-Signature=1%2B2&b=~*'()")
    assert place.origin == ("https", "storage.example", 8443)
    assert place.authority == "storage.example:8443"
    assert place.url == "https://storage.example:8443/a/b%20c?X-Signature=1%2B2&b=~*'()"


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("/v2/x", "https://registry.example/v2/x"),
        ("blob", "https://registry.example/v2/blob"),
        ("//other.example/x", "https://other.example/x"),
        ("http://other.example", "http://other.example/"),
    ],
)
def test_reads_an_address_that_is_relative(target: str, url: str) -> None:
    assert read(target, "https://registry.example/v2/").url == url


def test_an_origin_is_scheme_host_and_port() -> None:
    places = [read(f"{scheme}://{host}:{port}/") for scheme in ("http", "https") for host in "ab" for port in (80, 443)]
    assert len({place.origin for place in places}) == len({*places, *places}) == 8
    assert {read("http://a")} == {read("HTTP://A/")}
    assert [place.authority for place in places] == ["a", "a:443", "b", "b:443", "a:80", "a", "b:80", "b"]
    assert (read("http://a").port, read("https://a").port) == (80, 443)


@pytest.mark.parametrize(
    "text",
    [
        "https://registry.example/" + "a" * (8192 - 25),
        "https://" + "a" * 253 + "/",
        "https://registry.example:65535/",
        "https://[2001:db8::1]:5000/",
    ],
)
def test_reads_addresses_up_to_their_limits(text: str) -> None:
    assert read(text).url == text


def test_what_follows_a_hash_is_not_sent() -> None:
    assert read("https://registry.example/x?y#z").url == "https://registry.example/x?y"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://registry.example/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_",
        "https://",
        "https://user@registry.example/",
        "https://good.io\\@evil.io/",
        "https://registry.example:0/",
        "https://registry.example:65536/",
        "https://registry.example:１/",
        "https://registry.example:/x:",
        "https://registry .example/",
        "https://regis\ttry.example/",
        "https://registry.example/\r\nX: y",
        "https://ⓡegistry.example/",
        "https://registry%2eexample/",
        "https://[::1%25eth0]/",
        "https://[::1/",
        "https://registry.example/" + "a" * (8193 - 25),
        "https://" + "a" * 254 + "/",
        "https://registry.example/a\\b",
        "https://registry.example/<a>",
        "https://./",
        "https://../x",
        "https://registry..example/",
        "https://registry.example../",
        "https://.registry.example/",
    ],
)
def test_refuses_what_parsers_may_disagree_about(text: str) -> None:
    with pytest.raises(LocationInvalid, match=r"^(letters|syntax|authority|port)$"):
        read(text)
