"""Sizes that operators type."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from portal.admin.size_field import SizeField


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1_500_000, 123_456_789_012_345, 2**63 - 1])
def test_a_size_reads_back_as_it_was(count: int) -> None:
    field = SizeField()
    assert field.clean(field.prepare_value(count)) == count


def test_a_size_is_read_whatever_the_spelling() -> None:
    field = SizeField(required=False)
    assert [field.clean(text) for text in ("", "5", "5 bytes", "0,5 kb", "2MB")] == [None, 5, 5, 500, 2_000_000]
    with pytest.raises(ValidationError):
        field.clean("5 furlongs")
