"""Text areas that also take a file, for keys and certificates that people have as one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.html import format_html

MAX_BYTES = 128 * 1024
"""More than any key or certificate; what is longer is cut here and refused as too long by whoever judges it."""


class SecretArea(forms.Textarea):
    """A secret of several lines. What was typed does not come back."""

    def format_value(self, value: Any) -> str:
        return ""


class FileBeside(forms.Textarea):
    """A text area with a file beside it, which counts where nothing was typed."""

    needs_multipart_form = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Return what was typed, else what the file holds. What is no text is left for the judge to refuse."""
        typed = super().value_from_datadict(data, files, name)
        file = files.get(_beside(name)) if files else None
        if file is None or (typed and typed.strip()):
            return typed
        return file.read(MAX_BYTES).decode("utf-8-sig", errors="replace")

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        area = super().render(name, value, attrs, renderer)
        identity = _beside((attrs or {}).get("id") or f"id_{name}")
        return format_html(
            '{}<label class="file-beside" for="{}">Or choose the file '
            '<input class="form-control" type="file" name="{}" id="{}"></label>',
            area, identity, _beside(name), identity,
        )  # fmt: skip


class SecretFileBeside(FileBeside, SecretArea):
    """The same for a secret."""


def _beside(name: str) -> str:
    return f"{name}_file"
