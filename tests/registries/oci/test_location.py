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


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("/a%2bb?c=%2f%2B+~", "/a%2bb?c=%2f%2B+~"),
        ("/a//b/../c/./d;e=1,2?", "/a//b/../c/./d;e=1,2?"),
        ("//registry.example//a?b=c&&d", "//a?b=c&&d"),
        ("?a=%7e", "/v2/x?a=%7e"),
        ("y/../%2e%2e/z?q=a/b?c", "/v2/%2e%2e/z?q=a/b?c"),
        ("../y/..", "/"),
        ("", None),
        ('/a|b?c={d}|"e"', "/a%7Cb?c=%7Bd%7D%7C%22e%22"),
        ("/a b?c=d e", "/a%20b?c=d%20e"),
        ("/[a]?b=<c>^`d`\\e", "/%5Ba%5D?b=%3Cc%3E%5E%60d%60%5Ce"),
        ("/50%?a=%zz&b=%2", "/50%25?a=%25zz&b=%252"),
        ("/caf\u00c3\u00a9?n=\u00e2\u0082\u00ac", "/caf%C3%A9?n=%E2%82%AC"),
        ("/caf\u00e9", "/caf%E9"),
        ("  /x\t", "/x"),
        ("/x?y#z?|", "/x?y"),
    ],
)
def test_only_what_http_forbids_is_escaped(target: str, sent: str | None) -> None:
    """psf/requests#6473: a signed address with %2b went out with %2B. Text beyond ASCII are bytes (RFC 9110)."""
    if sent is None:
        with pytest.raises(LocationInvalid):
            read(target, "https://registry.example/v2/x?old")
    else:
        place = read(target, "https://registry.example/v2/x?old")
        assert (place.target, place.url) == (sent, f"https://registry.example{sent}")
        assert read(place.url) == place


@pytest.mark.parametrize(
    ("here", "there", "kept"),
    [
        ("https://a/x", "https://A:443/y", True),
        ("http://a/x", "https://a/y", True),
        ("http://a:5000/x", "https://a:5000/y", True),
        ("http://a:5000/x", "https://a/y", False),
        ("https://a/x", "http://a/y", False),
        ("https://a/x", "https://a:444/y", False),
        ("http://a/x", "https://b/y", False),
    ],
)
def test_where_authorization_may_follow(here: str, there: str, kept: bool) -> None:
    assert read(here).keeps_authorization(read(there)) is kept


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
        "https://registry.example/a\x00b",
        "https://registry.example/a?b\tc",
        "https://registry.example/a?b\x7f",
        "https:registry.example/",
        "https:/registry.example/",
        "https:///registry.example/",
        "///registry.example/",
        "https://registry.example/\u0430",
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


def test_names_may_have_underscores() -> None:
    """Old buckets of S3 do, and the names of Docker Compose's services, which a failure has to repeat."""
    assert read("https://acme_layers.s3.amazonaws.com/x").host == "acme_layers.s3.amazonaws.com"
