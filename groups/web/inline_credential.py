"""A credential typed beside the image that it is for: the fields of that registry.

It is sealed with the group or check, and held for that one pull."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict

from registries.forms.credential import CredentialForm
from registries.providers.recognise import recognise

NEW = "new"
"""The choice of a credential that is typed here and now."""


def typed_credential_form(
    registry: str,
    data: Mapping[str, object] | None = None,
    files: MultiValueDict[str, UploadedFile] | None = None,
    *,
    asks_to_confirm: bool = True,
) -> CredentialForm:
    """The form that asks for what the registry of an image takes."""
    return CredentialForm(
        data, files, provider=recognise(registry), host=registry, prefix=NEW, asks_to_confirm=asks_to_confirm
    )
