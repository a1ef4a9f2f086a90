"""Text areas with a file input, for keys and certificates that people have as files."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.forms.renderers import BaseRenderer
from django.utils.datastructures import MultiValueDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

MAX_FILE_BYTES = 128 * 1024
"""More than any key or certificate. Longer files are cut here and then refused as too long."""


class SecretTextarea(forms.Textarea):
    """A secret of several lines. Its value is never rendered."""

    def format_value(self, value: object) -> str:
        return ""


class TextareaWithFile(forms.Textarea):
    """A text area with a file input, which is used if the text area is empty."""

    needs_multipart_form = True

    def value_from_datadict(
        self, data: Mapping[str, object], files: MultiValueDict[str, UploadedFile[bytes]], name: str
    ) -> str | None:
        """Return the text, or else the content of the file. Bytes that are not text are replaced, and refused later."""
        typed: str | None = super().value_from_datadict(data, files, name)
        file = files.get(_file_name(name)) if files else None
        if file is None or (typed and typed.strip()):
            return typed
        file.seek(0)
        content: bytes = file.read(MAX_FILE_BYTES)
        return content.decode("utf-8-sig", errors="replace")

    def render(
        self,
        name: str,
        value: object,
        attrs: dict[str, str | bool] | None = None,
        renderer: BaseRenderer | None = None,
    ) -> SafeString:
        area = super().render(name, value, attrs, renderer)
        identity = _file_name(str((attrs or {}).get("id") or f"id_{name}"))
        return format_html(
            '{}<label class="file-beside" for="{}">Or choose the file '
            '<input class="form-control" type="file" name="{}" id="{}"></label>',
            area, identity, _file_name(name), identity,
        )  # fmt: skip


class SecretTextareaWithFile(TextareaWithFile, SecretTextarea):
    """The same for a secret."""


def _file_name(name: str) -> str:
    return f"{name}_file"
