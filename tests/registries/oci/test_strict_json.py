"""JSON of strangers is read in one way only, and what is refused has an error of its own."""

from __future__ import annotations

import pytest

from registries.oci.strict_json import MAX_DEPTH, JsonInvalid, read_object


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
        b'{"a": 123456789012345678901}',
        b'{"a": "\\ud800"}',
        b'{"a": "\xff"}',
        b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(raw: bytes) -> None:
    with pytest.raises(JsonInvalid) as caught:
        read_object(raw, 1000)
    assert caught.value.raw == "json"


def test_what_is_too_large_is_refused_unread() -> None:
    with pytest.raises(JsonInvalid) as caught:
        read_object(b" " * (2 * 1024 * 1024 + 1), 2 * 1024 * 1024)
    assert (caught.value.reason, caught.value.raw) == ("it is larger than 2 MiB", "size")
