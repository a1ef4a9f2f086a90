from __future__ import annotations

import pytest

from registries.oci.challenge import parse


def test_bearer_as_docker_hub_sends_it() -> None:
    [one] = parse('Bearer realm="https://auth.docker.io/token",service="registry.docker.io"')
    assert one.scheme == "bearer"
    assert one.parameters == {"realm": "https://auth.docker.io/token", "service": "registry.docker.io"}


def test_several_challenges_in_one_header() -> None:
    found = parse('Basic realm="a, b=c", Negotiate dG9rZW4=, BEARER Realm = "https://x/" , scope=pull,, Digest')
    assert [one.scheme for one in found] == ["basic", "negotiate", "bearer", "digest"]
    assert found[0].parameters == {"realm": "a, b=c"}
    assert found[2].parameters == {"realm": "https://x/", "scope": "pull"}


def test_quotes_are_undone_and_the_first_of_two_wins() -> None:
    [one] = parse(r'Bearer realm="a\"b\\c",realm="other"')
    assert one.parameters == {"realm": 'a"b\\c'}


@pytest.mark.parametrize(
    "header",
    ["", " , ,", '"', "=", "realm=x", "=x,Bearer", "\x00", "é"],
)
def test_nonsense_is_no_challenge(header: str) -> None:
    assert parse(header) == []


@pytest.mark.parametrize(
    "header",
    [
        'Bearer realm="' + "a" * 1_000_000,
        'Bearer realm="' + "\\" * 1_000_000,
        'Bearer realm="' + '\\"' * 500_000,
        "Bearer " * 100_000,
        "Bearer a=b" + ",a=b" * 100_000,
        "," * 1_000_000,
        "Bearer" + " " * 1_000_000 + "=",
    ],
)
def test_endless_headers_are_bounded(header: str) -> None:
    found = parse(header)
    assert len(found) <= 8
    assert all(len(one.parameters) <= 16 for one in found)


def test_how_much_of_a_header_is_read() -> None:
    """Eight challenges, sixteen parameters of each, and 16 KiB of all."""
    assert [one.scheme for one in parse(", ".join(f"s{number}" for number in range(9)))] == [
        f"s{number}" for number in range(8)
    ]
    [one] = parse("Bearer " + ",".join(f"p{number}=x" for number in range(17)))
    assert list(one.parameters) == [f"p{number}" for number in range(16)]
    for length, is_read in ((16 * 1024, True), (16 * 1024 + 1, False)):
        begin = 'Bearer realm="'
        [one] = parse(begin + "x" * (length - len(begin) - 1) + '"')
        assert bool(one.parameters) is is_read


def test_names_of_parameters_have_no_case() -> None:
    [one] = parse('BASIC REALM=x, Realm=y, Charset="UTF-8"')
    assert (one.scheme, one.parameters) == ("basic", {"realm": "x", "charset": "UTF-8"})
