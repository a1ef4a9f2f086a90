"""Sizes as operators write them."""

from __future__ import annotations

from django import forms

from registries.foundation.units import SizeInvalid, format_exact_size, parse_size


class SizeField(forms.CharField):
    """A size in bytes, typed as `20 GB`, `500 MB` or plain bytes; units are powers of 1,000. Empty is None."""

    def to_python(self, value: object) -> int | None:  # type: ignore[override]
        """Return bytes. Raises ValidationError."""
        text = str(super().to_python(value) or "")[:60].strip()
        if not text:
            return None
        try:
            return parse_size(text)
        except SizeInvalid as error:
            raise forms.ValidationError(str(error)) from None

    def prepare_value(self, value: object) -> object:
        """Show a stored size as it would be typed, exactly."""
        return format_exact_size(value) if isinstance(value, int) else value

    def has_changed(self, initial: object, data: object) -> bool:
        """Compare sizes, not how they are written."""
        try:
            return bool(self.to_python(data) != initial)
        except forms.ValidationError:
            return True
