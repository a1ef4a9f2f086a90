"""JSON of strangers is read in one way only, and what is refused has an error of its own."""

from __future__ import annotations

import json

import pytest

from registries.oci.strict_json import JsonInvalid, read_object


def test_an_object_is_read() -> None:
    assert read_object(b'{"a": [1, {"b": "\\u00e9"}]}', 100) == {"a": [1, {"b": "\u00e9"}]}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b'{"a": 1, "a": 1}',
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": -1e999}',
        b'{"a": Infinity}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": 1} x',
        b'{"a": 123456789012345678901}',
        b'{"a": "\\ud800"}',
        b'{"a": "\xff"}',
        b'{"a":' + b"[" * 32 + b"]" * 32 + b"}",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(raw: bytes) -> None:
    with pytest.raises(JsonInvalid) as caught:
        read_object(raw, 1000)
    assert caught.value.raw == "json"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":' + b"[" * 31 + b"]" * 31 + b"}",
        b'{"a": [' + b"[], " * 40 + b"{}]}",
        b'{"a": "' + b"[{," * 100 + b'"}',
        b'{"a": "' + b'\\"[' * 100 + b'"}',
        b'{"a": 12345678901234567890}',
        b'{"a": "\\ud83d\\ude00"}',
        b'{"a": [1.5, -1e308, 0.0]}',
        b"{}",
    ],
)
def test_what_is_deep_and_long_enough_is_read(raw: bytes) -> None:
    assert read_object(raw, len(raw)) == json.loads(raw)


def test_two_hundred_thousand_values_are_read_and_no_more() -> None:
    """Counted are brackets, commas and strings: five of them stand around the list's commas."""
    rest = 200_001 - 5
    assert len(read_object(b'{"a":[1' + b",1" * rest + b"]}", 10**6)["a"]) == rest + 1  # type: ignore[arg-type]
    with pytest.raises(JsonInvalid):
        read_object(b'{"a":[1' + b",1" * (rest + 1) + b"]}", 10**6)


def test_what_is_too_large_is_refused_unread() -> None:
    fits = b'{"a": 1}'
    assert read_object(fits, len(fits)) == {"a": 1}
    with pytest.raises(JsonInvalid):
        read_object(fits, len(fits) - 1)
    with pytest.raises(JsonInvalid) as caught:
        read_object(b" " * (2 * 1024 * 1024 + 1), 2 * 1024 * 1024)
    assert (caught.value.reason, caught.value.raw) == ("it is larger than 2 MiB", "size")
