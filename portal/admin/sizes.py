"""Sizes as operators write them."""

from __future__ import annotations

import re
from typing import Any

from django import forms

_SIZE = re.compile(r"([0-9]{1,19})(?:[.,]([0-9]{1,9}))?\s*(|bytes?|[kMGTP]B)", re.ASCII | re.IGNORECASE)
_POWERS = {"": 0, "byte": 0, "bytes": 0, "kb": 1, "mb": 2, "gb": 3, "tb": 4, "pb": 5}
MOST = 2**63 - 1


class SizeField(forms.CharField):
    """A size in bytes, typed as `20 GB`, `500 MB` or plain bytes; units are powers of 1,000. Empty is None."""

    def to_python(self, value: Any) -> Any:
        """Read what was typed."""
        text = str(super().to_python(value) or "")[:60].strip()
        if not text:
            return None
        found = _SIZE.fullmatch(text)
        if found is None:
            raise forms.ValidationError("Write a size such as 20 GB or 500 MB.")
        fraction = found[2] or ""
        count = int(found[1] + fraction) * 1000 ** _POWERS[found[3].lower()] // 10 ** len(fraction)
        if count > MOST:
            raise forms.ValidationError("That is too much.")
        return count

    def prepare_value(self, value: Any) -> Any:
        """Show a stored size as it would be typed, exactly: with at most three decimals, or in plain bytes."""
        if not isinstance(value, int):
            return value
        for unit, name in zip((10**15, 10**12, 10**9, 10**6), ("PB", "TB", "GB", "MB"), strict=True):
            if value >= unit and value % (unit // 1000) == 0:
                return f"{value // unit}.{value % unit * 1000 // unit:03}".rstrip("0").rstrip(".") + f" {name}"
        return str(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare sizes, not how they are written."""
        try:
            return bool(self.to_python(data) != initial)
        except forms.ValidationError:
            return True
