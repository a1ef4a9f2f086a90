"""Names are one visible line."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from registries.foundation.printable import validate_printable


@pytest.mark.parametrize("text", ["", "ci", "Büro 3, Köln", "夜間 バッチ", "a → b"])
def test_visible_text_is_valid(text: str) -> None:
    validate_printable(text)


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\tb", "a\0b", "a\u200bb", "a\u202eb", "a\u2028b", "\x7f", "\ud800"])
def test_line_breaks_and_invisible_characters_are_not(text: str) -> None:
    with pytest.raises(ValidationError, match="line breaks and invisible"):
        validate_printable(text)
