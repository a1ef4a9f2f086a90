"""The fields of the form for a registry credential, and what to do with a secret in one of them that is shown."""

from __future__ import annotations

from django import forms

from registries.forms.fields import AuthorityField, HostField, NameField, RegistryValueField, in_a_sentence
from registries.foundation.guarded_forms import KEEP, keep_field
from registries.models import Credential
from registries.providers import Provider


def value_fields(provider: Provider) -> dict[str, forms.Field]:
    """Return the fields that the kind of registry declares, in order, and those that every such form has."""
    fields: dict[str, forms.Field] = {declared.name: RegistryValueField(declared) for declared in provider.fields}
    fields[KEEP] = keep_field()
    if not provider.host:
        fields["ca"] = AuthorityField()
    return fields


def all_fields(provider: Provider) -> dict[str, forms.Field]:
    """Return the fields of the page that adds a credential, in order."""
    fields: dict[str, forms.Field] = {}
    if not provider.host:
        fields["host"] = HostField(help_text=provider.host_help, domains=provider.domains)
        fields["host"].error_messages["required"] = "Enter the registry's host name, such as registry.example.com."
    return {
        **fields,
        **value_fields(provider),
        "name": NameField(
            required=False,
            help_text="Shown in lists. If it is empty, the credential is named after its user and host.",
        ),
        "hold": forms.ChoiceField(
            label="How long it is kept",
            choices=Credential.Retention.choices,
            initial=Credential.Retention.PULL,
            widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
            help_text="An unused credential is destroyed after an hour in any case.",
        ),
        "trial": forms.CharField(
            label="Test it on an image",
            required=False,
            max_length=512,
            widget=forms.TextInput(
                attrs={
                    "class": "input-mono",
                    "autocapitalize": "none",
                    "spellcheck": "false",
                    "placeholder": "team/app:1.0",
                }
            ),
            help_text="A worker signs in and reads what a pull of this image would need. Nothing is pulled.",
        ),
    }


def advice_for(provider: Provider) -> dict[str, str]:
    """What to do with a secret that was entered in a field which is shown, by field."""
    secrets = [declared.label for declared in provider.fields if declared.secret]
    advice = {
        declared.name: f"enter it under “{secrets[0]}”, which is encrypted, "
        f"and the {in_a_sentence(declared.label)} here"
        for declared in provider.fields
        if secrets and not declared.secret
    }
    return advice | {
        "name": "lists show this name, so enter one that everybody may read",
        "host": "enter only the registry's host name",
        "trial": "enter only the image",
        "ca": "paste only certificates",
    }
