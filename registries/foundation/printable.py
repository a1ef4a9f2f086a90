"""Text of one visible line, such as a name."""

from __future__ import annotations

from django.core.exceptions import ValidationError


def validate_printable(text: str) -> None:
    """Raise ValidationError for line breaks and invisible characters. A validator for fields of forms."""
    if not text.isprintable():
        raise ValidationError("Remove line breaks and invisible characters.")
