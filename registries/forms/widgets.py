"""Text areas that also take a file, for keys and certificates that people have as one."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.forms.renderers import BaseRenderer
from django.utils.datastructures import MultiValueDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

MAX_BYTES = 128 * 1024
"""More than any key or certificate; what is longer is cut here and refused as too long by whoever judges it."""


class SecretArea(forms.Textarea):
    """A secret of several lines. What was typed does not come back."""

    def format_value(self, value: object) -> str:
        return ""


class FileBeside(forms.Textarea):
    """A text area with a file beside it, which counts where nothing was typed."""

    needs_multipart_form = True

    def value_from_datadict(
        self, data: Mapping[str, object], files: MultiValueDict[str, UploadedFile[bytes]], name: str
    ) -> str | None:
        """Return what was typed, else what the file holds. What is no text is left for the judge to refuse."""
        typed: str | None = super().value_from_datadict(data, files, name)
        file = files.get(_beside(name)) if files else None
        if file is None or (typed and typed.strip()):
            return typed
        content: bytes = file.read(MAX_BYTES)
        return content.decode("utf-8-sig", errors="replace")

    def render(
        self,
        name: str,
        value: object,
        attrs: dict[str, str | bool] | None = None,
        renderer: BaseRenderer | None = None,
    ) -> SafeString:
        area = super().render(name, value, attrs, renderer)
        identity = _beside(str((attrs or {}).get("id") or f"id_{name}"))
        return format_html(
            '{}<label class="file-beside" for="{}">Or choose the file '
            '<input class="form-control" type="file" name="{}" id="{}"></label>',
            area, identity, _beside(name), identity,
        )  # fmt: skip


class SecretFileBeside(FileBeside, SecretArea):
    """The same for a secret."""


def _beside(name: str) -> str:
    return f"{name}_file"
