"""Fields of the forms for registry credentials. Secrets are never rendered again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from django import forms
from django.core.exceptions import ValidationError

from registries.authorities import AuthoritiesInvalid, read_authorities
from registries.forms.paste import Pasted
from registries.forms.widgets import SecretTextarea, SecretTextareaWithFile, TextareaWithFile
from registries.foundation.printable import validate_printable
from registries.hosts import read_host
from registries.models import MAX_NAME_LENGTH
from registries.oci.reference import ReferenceInvalid
from registries.providers import Field

MAX_HOST_LENGTH = 300
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,61}")
_NAMES = frozenset({"Docker"})


class RegistryValueField(forms.CharField):
    """One value as its kind of registry declares it. It is kept unchanged; `Provider.check` validates it."""

    def __init__(self, declared: Field) -> None:
        attrs = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
        if declared.placeholder:
            attrs["placeholder"] = declared.placeholder
        super().__init__(
            label=declared.label,
            help_text=declared.help,
            strip=False,
            required=not declared.optional,
            widget=_widget(declared, attrs),
            error_messages={
                "required": f"Enter the {in_a_sentence(declared.label)}.",
                "null_characters_not_allowed": "There is a character in it that no registry accepts; paste it again.",
            },
        )


def _widget(declared: Field, attrs: dict[str, str]) -> forms.Widget:
    if declared.choices:
        return forms.Select(choices=[("", "Choose one"), *declared.choices])
    if declared.multiline:
        area = SecretTextareaWithFile if declared.secret else TextareaWithFile
        return area(attrs={**attrs, "rows": 6, "class": "input-mono"})
    if declared.secret:
        return forms.PasswordInput(render_value=False, attrs={**attrs, "autocomplete": "new-password"})
    return forms.TextInput(attrs=attrs)


def in_a_sentence(label: str) -> str:
    """Return a label in lower case for use in a sentence, unless it begins with a name such as AWS or GitHub."""
    first = label.partition(" ")[0]
    is_name = first in _NAMES or first[1:] != first[1:].lower()
    return label if is_name else label[:1].lower() + label[1:]


class HostField(forms.CharField):
    """A registry's host; its clean value is the canonical `host[:port]`. Where all hosts have one of `domains`, a name
    without one is asked to be completed: the same name in another domain is somebody else's."""

    def __init__(self, *, help_text: str = "", domains: Sequence[str] = ()) -> None:
        self._domains = domains
        super().__init__(
            label="Host",
            strip=False,
            max_length=MAX_HOST_LENGTH,
            widget=forms.TextInput(attrs={"class": "input-mono", "autocapitalize": "none", "spellcheck": "false"}),
            help_text=help_text,
        )

    def clean(self, value: str | None) -> str:
        text = super().clean(value)
        if self._domains and _LABEL.fullmatch(text.strip()):
            hosts = " or ".join(f"{text.strip().lower()}.{domain}" for domain in self._domains)
            raise ValidationError(f"Enter the host with its domain: {hosts}.", code="host_without_domain")
        try:
            return read_host(text)
        except ReferenceInvalid as error:
            raise ValidationError(error.message, code=error.code) from None


class NameField(forms.CharField):
    """The name of a credential in lists."""

    def __init__(self, *, required: bool, help_text: str) -> None:
        super().__init__(
            label="Name",
            required=required,
            max_length=MAX_NAME_LENGTH,
            validators=[validate_printable],
            help_text=help_text,
        )


class AuthorityField(forms.CharField):
    """Certificates (PEM) of authorities that are trusted in addition to the public ones."""

    def __init__(self) -> None:
        attrs = {
            "class": "input-mono",
            "rows": "3",
            "spellcheck": "false",
            "autocapitalize": "none",
            "autocomplete": "off",
            "placeholder": "-----BEGIN CERTIFICATE-----",
        }
        super().__init__(
            label="Certificate authority",
            required=False,
            widget=TextareaWithFile(attrs=attrs),
            help_text="Only if the registry's certificate comes from a private authority: that authority's "
            "certificate (PEM). It is trusted for this registry in addition to the public ones, and is not secret.",
        )

    def clean(self, value: str | None) -> str:
        try:
            return read_authorities(super().clean(value))
        except AuthoritiesInvalid as error:
            raise ValidationError(error.message, code="ca_invalid") from None


class PastedLoginField(forms.ChoiceField):
    """Which login of a paste is meant, if several fit. Their labels hold no secret."""

    def __init__(self, among: Iterable[Pasted]) -> None:
        labels = list(dict.fromkeys(login.label for login in among))
        super().__init__(
            label="Login to use",
            error_messages={"required": "Choose the login to use."},
            choices=[("", "Choose one"), *((label, label) for label in labels)],
            help_text="Then paste it again above: secrets are never shown, so the paste is not kept.",
        )


class PasteField(forms.CharField):
    """A docker login command or config.json instead of single values. Its value is never rendered."""

    def __init__(self) -> None:
        super().__init__(
            label="docker login or config.json",
            required=False,
            strip=False,
            widget=SecretTextarea(
                attrs={
                    "class": "input-mono",
                    "rows": 3,
                    "autocomplete": "off",
                    "spellcheck": "false",
                    "autocapitalize": "none",
                    "placeholder": "docker login registry.example.com -u …",
                }
            ),
            help_text="The whole command line, docker's config.json, a Kubernetes secret, or the key file of AWS or "
            "Google. Fields that are left empty are filled from it. It is not shown again.",
        )
