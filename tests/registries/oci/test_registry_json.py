"""JSON of registries is read as other programs read it, within limits of size."""

from __future__ import annotations

import json

import pytest

from registries.oci.registry_json import names_twice, read_object
from registries.oci.strict_json import JsonInvalid


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'{"a": [1, {"b": "\\u00e9"}], "c": "\\ud800"}',
        b'{"a": 12345678901234567890, "b": 1e999}',
        b'{"a":' + b"[" * 400 + b"]" * 400 + b"}",
        b'{"a": [' + b"{}, " * 600 + b"[]]}",
        b'{"a": "' + b"[{," * 400_000 + b'"}',
        b'{"a": [1' + b",1" * 300_000 + b"]}",
    ],
    ids=lambda raw: str(raw[:30]),
)
def test_what_is_valid_is_read(raw: bytes) -> None:
    assert read_object(raw, len(raw)) == json.loads(raw)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b'{"a": NaN}', b'{"a": 1} x', b'{"a": "\xff"}', b"\xef\xbb\xbf{}"]
)
def test_what_is_invalid(raw: bytes) -> None:
    with pytest.raises(JsonInvalid) as caught:
        read_object(raw, 100)
    assert (caught.value.reason, caught.value.raw) == ("it is not valid JSON", "json")


def test_limits_are_called_by_their_name() -> None:
    """Counted are brackets, commas and strings: five of them stand around the list's commas."""
    rest = 1_000_000 - 5
    assert read_object(b'{"a":[1' + b",1" * rest + b"]}", 10**7)
    for raw, limit, reason in (
        (b'{"a":[1' + b",1" * (rest + 1) + b"]}", 10**7, "it has more parts than an image can have"),
        (b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}", 10**7, "it is nested too deep"),
        (b"{}" + b" " * 2**20, 2**20, "it is larger than 1 MiB"),
    ):
        with pytest.raises(JsonInvalid) as caught:
            read_object(raw, limit)
        assert (caught.value.reason, caught.value.raw) == (reason, "size")


def test_what_is_named_twice_is_found_where_it_is_used() -> None:
    found = read_object(b'{"a": 1, "a": 2, "b": {"c": 3, "c": 4}, "d": 5}', 100)
    assert found == {"a": 2, "b": {"c": 4}, "d": 5}
    assert names_twice(found, "a", "x")
    assert not names_twice(found, "b", "d")
    assert isinstance(found["b"], dict)
    assert names_twice(found["b"], "c")
    assert not names_twice({"a": 1}, "a")
    assert read_object(b'{"a": ' + b"9" * 5000 + b"}", 6000) == {"a": float("inf")}
