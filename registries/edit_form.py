"""The form that changes a credential that is there: its name, and the host that its secret was entered for.

A secret is never carried to another host: what a changed host leads to is `registries.views`'s.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from registries.forms import MAX_HOST_LENGTH
from registries.hosts import read_host
from registries.models import MAX_NAME_LENGTH, Credential
from registries.oci.reference import ReferenceInvalid
from registries.providers import PROVIDERS


class CredentialEditForm(forms.Form):
    """`host` can be changed while the secret is here, and where the kind of registry has not one host of its own."""

    name = forms.CharField(label="Name", max_length=MAX_NAME_LENGTH, help_text="How you find it again in lists.")
    host = forms.CharField(
        label="Host",
        strip=False,
        max_length=MAX_HOST_LENGTH,
        widget=forms.TextInput(attrs={"class": "input-mono", "autocapitalize": "none", "spellcheck": "false"}),
        help_text="The secret was entered for this host and is shown to no other: changing it destroys the secret at "
        "once, and asks you for it again. A pull that still needs it fails.",
    )

    def __init__(self, data: Any = None, *, credential: Credential) -> None:
        self.credential = credential
        super().__init__(data, initial={"name": credential.name, "host": credential.host})
        kind = PROVIDERS.get(credential.provider)
        if not credential.is_live or kind is None or kind.host:
            del self.fields["host"]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not name.isprintable():
            raise ValidationError("Remove the invisible characters from the name.")
        return name

    def clean_host(self) -> str:
        try:
            return read_host(self.cleaned_data["host"])
        except ReferenceInvalid as error:
            raise ValidationError(error.text, code=error.code) from None

    @property
    def new_host(self) -> str:
        """Where the credential is to be for from now on; nothing where that stays as it is."""
        host = str(self.cleaned_data.get("host", ""))
        return host if host != self.credential.host else ""
