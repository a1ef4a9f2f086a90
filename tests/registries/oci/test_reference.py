from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registries.oci.reference import (
    Reference,
    ReferenceInvalid,
    is_digest,
    is_repository,
    is_tag,
    parse,
    parse_host,
)

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("ubuntu", "docker.io/library/ubuntu:latest"),
        ("ubuntu:22.04", "docker.io/library/ubuntu:22.04"),
        ("acme/app", "docker.io/acme/app:latest"),
        ("docker.io/ubuntu", "docker.io/library/ubuntu:latest"),
        ("index.docker.io/acme/app:1", "docker.io/acme/app:1"),
        ("localhost/app", "localhost/app:latest"),
        ("LOCALHOST/app", "localhost/app:latest"),
        ("localhost./app", "localhost/app:latest"),
        ("Registry.Example.:5000/team/app:1.0", "registry.example:5000/team/app:1.0"),
        ("registry:5000/app", "registry:5000/app:latest"),
        ("ghcr.io/acme/app__x/y--z:_tag.1-A", "ghcr.io/acme/app__x/y--z:_tag.1-A"),
        (f"quay.io/acme/app@{DIGEST}", f"quay.io/acme/app@{DIGEST}"),
        (f"quay.io/acme/app:1.0@{DIGEST}", f"quay.io/acme/app:1.0@{DIGEST}"),
        ("10.0.0.1:5000/app", "10.0.0.1:5000/app:latest"),
        ("[2001:4860::1]:5000/app", "[2001:4860::1]:5000/app:latest"),
        ("a/b:" + "t" * 128, "docker.io/a/b:" + "t" * 128),
        ("ghcr.io/" + "a" * 247, "ghcr.io/" + "a" * 247 + ":latest"),
        ("registry-1.docker.io/acme/app", "docker.io/acme/app:latest"),
        ("registry.example:65535/app", "registry.example:65535/app:latest"),
        ("a" * 63 + ".example/app", "a" * 63 + ".example/app:latest"),
    ],
)
def test_reads_what_docker_reads(text: str, canonical: str) -> None:
    reference = parse(text)
    assert str(reference) == canonical
    assert {parse(canonical)} == {reference}


def test_the_digest_wins_over_the_tag() -> None:
    reference = parse(f"ghcr.io/acme/app:1.0@{DIGEST}")
    assert (reference.tag, reference.digest, reference.version) == ("1.0", DIGEST, DIGEST)


def test_docker_hub_has_its_api_elsewhere() -> None:
    assert parse("ubuntu").api_host == "registry-1.docker.io"
    assert parse("ghcr.io/acme/app").api_host == "ghcr.io"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "reference_empty"),
        ("   ", "reference_empty"),
        ("http://registry.example/app", "reference_scheme"),
        ("https://ghcr.io/acme/app", "reference_scheme"),
        ("ghcr.io/Acme/app", "reference_case"),
        ("Ubuntu", "reference_case"),
        ("a//b", "reference_repository"),
        ("/a", "reference_repository"),
        ("a/", "reference_repository"),
        ("../x", "host_invalid"),
        ("ghcr.io/../x", "reference_repository"),
        ("ghcr.io/a/./x", "reference_repository"),
        ("a..b/c/d", "host_invalid"),
        ("g./app", "host_invalid"),
        ("Registry./team/app:1.0", "host_invalid"),
        ("acme/-app", "reference_repository"),
        ("a" * 300, "reference_long"),
        ("a" * 3000, "reference_long"),
        ("ghcr.io/" + "a/" * 130 + "a", "reference_long"),
        ("app:" + "t" * 129, "reference_tag"),
        ("app:" + "t" * 508, "reference_tag"),
        ("app:" + "t" * 509, "reference_long"),
        ("ghcr.io/" + "a" * 248, "reference_long"),
        ("docker.io/" + "a" * 246, "reference_long"),
        ("app:-x", "reference_tag"),
        ("app:.x", "reference_tag"),
        ("app:", "reference_tag"),
        ("a:b:c", "reference_tag"),
        (f"app@{DIGEST[:-1]}", "reference_digest"),
        (f"app@{DIGEST.upper()}", "reference_digest"),
        (f"app@{DIGEST[:-1]}F", "reference_digest"),
        ("app@md5:d41d8cd98f00b204e9800998ecf8427e", "reference_digest"),
        ("app@", "reference_digest"),
        (f"app@{DIGEST}@{DIGEST}", "reference_digest"),
        ("user@registry.example/app", "reference_digest"),
        ("ubuntu\n", "reference_blank"),
        (" ubuntu", "reference_blank"),
        ("ubuntu latest", "reference_blank"),
        ("ghcr.io/%2e%2e/app", "reference_character"),
        ("app?x=1", "reference_character"),
        ("app#x", "reference_character"),
        ("ghcr.io\\acme", "reference_character"),
        ("app\0", "reference_character"),
        ("app\u202e", "reference_character"),
        ("a\u200bpp", "reference_character"),
        ("app:１２", "reference_character"),
        (f"app@sha256:{'１' * 64}", "reference_character"),
        ("registry.example:0/app", "host_port"),
        ("registry.example:65536/app", "host_port"),
        ("registry.example:/app", "host_port"),
        ("registry.example:5000:1/app", "host_port"),
        ("-registry.example/app", "host_invalid"),
        ("registry_x.example/app", "host_invalid"),
        ("[::1%eth0]:5000/app", "reference_character"),
        ("[::1/app", "host_invalid"),
        ("[::1]x/app", "host_invalid"),
        ("[1:2]:5000/app", "host_invalid"),
        ("127.1/app", "host_not_allowed"),
        ("0x7f000001:5000/app", "host_not_allowed"),
        ("2130706433:5000/app", "host_not_allowed"),
    ],
)
def test_refuses_with_a_sentence_that_names_the_fix(text: str, code: str) -> None:
    with pytest.raises(ReferenceInvalid) as refusal:
        parse(text)
    assert refusal.value.code == code
    assert refusal.value.message.endswith(".")
    assert not text.strip() or text not in refusal.value.message


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("ghcr.io", "ghcr.io"),
        ("Registry.Example.", "registry.example"),
        ("registry.example:5000", "registry.example:5000"),
        ("index.docker.io", "docker.io"),
        ("docker.io", "docker.io"),
        (".".join(["a"] * 127), ".".join(["a"] * 127)),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("[2001:4860::1]:5000", "[2001:4860::1]:5000"),
        ("[2001:4860::A]", "[2001:4860::a]"),
    ],
)
def test_reads_a_host(text: str, host: str) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "host_empty"),
        (" ", "host_empty"),
        ("https://ghcr.io", "host_scheme"),
        ("ghcr.io/acme", "host_path"),
        ("https:\\\\ghcr.io", "host_path"),
        ("alice@ghcr.io", "host_user"),
        (" ghcr.io", "host_blank"),
        ("ghcr.io\n", "host_blank"),
        ("ghcr\t.io", "host_blank"),
        ("ghcr\u200b.io", "host_blank"),
        ("ghcr.io?x", "host_invalid"),
        ("①②⑦.0.0.1", "host_invalid"),
        ("127。0。0。1", "host_invalid"),
        ("a" * 64 + ".example", "host_invalid"),
        (".".join(["abcdefghi"] * 26), "host_invalid"),
        (".".join(["a"] * 127) + "a", "host_invalid"),
        ("registry.example:65536", "host_port"),
        ("registry.example:99999", "host_port"),
        ("registry.example:５０００", "host_port"),
        ("0177.0.0.1", "host_not_allowed"),
        ("127.1", "host_not_allowed"),
        ("1.2.3.4.5", "host_not_allowed"),
    ],
)
def test_refuses_a_host(text: str, code: str) -> None:
    with pytest.raises(ReferenceInvalid) as refusal:
        parse_host(text)
    assert refusal.value.code == code


@given(st.text(alphabet=st.sampled_from("aA0._-:/@[]%\\?# \n\u202e１é"), max_size=80) | st.text(max_size=600))
@settings(max_examples=800, deadline=None)
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    try:
        reference = parse(text)
    except ReferenceInvalid:
        return
    assert text.isascii()
    assert parse(str(reference)) == reference
    assert is_repository(reference.repository)
    assert reference.tag is None or is_tag(reference.tag)
    assert reference.digest is None or is_digest(reference.digest)


_word = st.text("abz019", min_size=1, max_size=9)


@given(
    st.lists(st.tuples(_word, st.sampled_from("._-/"), _word), min_size=1, max_size=4),
    st.sampled_from("aZ0_"),
    st.text("aZ0_.-", max_size=127),
)
@settings(max_examples=200, deadline=None)
def test_good_names_survive(parts: list[tuple[str, str, str]], first: str, rest: str) -> None:
    repository, tag = "/".join("".join(part) for part in parts), first + rest
    expected = Reference("registry.example:5000", repository, tag, None)
    assert parse(f"registry.example:5000/{repository}:{tag}") == expected


@pytest.mark.parametrize("piece", ["a", "a-", "a.", "a_", "-", "/", ":", "@", "a/", "a:b/", "["])
def test_long_repetitions_end(piece: str) -> None:
    for text in (piece * 200, piece * 100_000):
        for read in (parse, parse_host):
            try:
                read(text)
            except ReferenceInvalid:
                continue


_PARTS = ["a", "app", "a-", "a__b", "-", ".", "/", "//", ":", "@", "sha256:", "0" * 64, "A", "é", "１", "\u202e", "%2e"]
_PARTS += ["[::1]", "0x7f", "registry.example.com:5000/", "docker.io/", "\n"]
_SIGNS = ["abz019._-", "abz019._-:/@[]", "abz019._-:/@[]%\\ ABC\t\u200b"]


def _typed(random: Random) -> Iterator[str]:
    """The many ways in which people, and others, fill the field: one part many times, or pieces of long lines that mix
    it with signs. Cutting pieces is cheaper than choosing the signs of each."""
    mixed = [
        "".join(random.choices([part, *signs], [0.4 * len(signs), *[1] * len(signs)], k=2000))
        for part in _PARTS
        for signs in _SIGNS
    ]
    while True:
        if random.random() < 0.2:
            yield random.choice(_PARTS) * random.choice([1, 50, 500, 2000])
            continue
        line, length = random.choice(mixed), random.randrange(1, random.choice([10, 60, 600]))
        start = random.randrange(len(line) - length)
        yield line[start : start + length]


def test_ten_thousand_references() -> None:
    """Each is read or refused with work in proportion to its length: calls are counted, which no busy machine changes.
    What a regular expression does within one is linear, by its possessive repetitions. The slowest is printed."""
    random, worst = Random(30_000), 0.0
    for text in islice(_typed(random), 10_000):
        calls = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal calls
            calls += event in {"call", "c_call"}

        sys.setprofile(count)
        try:
            with suppress(ReferenceInvalid):
                parse(text)
        finally:
            sys.setprofile(None)
        assert calls <= 100 + 2 * min(len(text), 512)
        began = time.perf_counter()
        with suppress(ReferenceInvalid):
            parse(text)
        worst = max(worst, time.perf_counter() - began)
    print(json.dumps({"name": "reference_parse_worst", "value": round(worst * 1000, 3), "unit": "ms"}))
