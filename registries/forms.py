"""The form for a registry credential, built from what its kind of registry declares.

Secrets are never rendered again: a form that comes back asks for them anew.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from registries.authorities import AuthoritiesInvalid, read_authorities
from registries.failures import CredentialMalformed
from registries.hosts import read_host
from registries.models import MAX_NAME_LENGTH, Credential
from registries.oci.reference import ReferenceInvalid, parse_host
from registries.paste import Pasted, read_login, read_logins
from registries.providers import Field, Provider
from registries.providers.recognise import recognise
from registries.widgets import FileBeside, SecretArea, SecretFileBeside

MAX_HOST_LENGTH = 300


class RegistryValueField(forms.CharField):
    """One value as its kind of registry declares it, kept to the letter: the kind judges it (`Provider.check`)."""

    def __init__(self, declared: Field, **options: Any) -> None:
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
                "required": f"Enter the {_in_a_sentence(declared.label)}.",
                "null_characters_not_allowed": "There is a character in it that no registry accepts; paste it again.",
            },
            **options,
        )


def _widget(declared: Field, attrs: dict[str, str]) -> forms.Widget:
    if declared.choices:
        return forms.Select(choices=[("", "Choose one"), *declared.choices])
    if declared.multiline:
        area = SecretFileBeside if declared.secret else FileBeside
        return area(attrs={**attrs, "rows": 6, "class": "input-mono"})
    if declared.secret:
        return forms.PasswordInput(render_value=False, attrs={**attrs, "autocomplete": "new-password"})
    return forms.TextInput(attrs=attrs)


def _in_a_sentence(label: str) -> str:
    """A label begins with a capital that its sentence has no use for, unless it is a name such as AWS."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


class ProviderValuesForm(forms.Form):
    """What one kind of registry asks for, without host and hold. `values()` is what `add_credential` takes."""

    ca = forms.CharField(
        label="Certificate authority",
        required=False,
        widget=FileBeside(
            attrs={"class": "input-mono", "rows": 3, "spellcheck": "false", "autocapitalize": "none",
                   "autocomplete": "off", "placeholder": "-----BEGIN CERTIFICATE-----"}
        ),
        help_text="Only if the registry's certificate comes from a private authority: that authority's certificate "
        "(PEM). It is trusted for this registry besides the public ones, and is not secret.",
    )  # fmt: skip
    keep = forms.BooleanField(label="It is meant so: keep it to the letter", required=False)
    slips = False
    """Whether `keep` is worth offering."""
    judges_slips = True
    """Whether likely slips are errors until `keep` confirms them."""

    def __init__(self, *args: Any, provider: Provider, **options: Any) -> None:
        self.provider = provider
        super().__init__(*args, **options)
        for declared in provider.fields:
            self.fields[declared.name] = RegistryValueField(declared)
        if provider.host:
            del self.fields["ca"]

    def clean_ca(self) -> str:
        try:
            return read_authorities(self.cleaned_data["ca"])
        except AuthoritiesInvalid as error:
            raise ValidationError(error.text, code="ca_invalid") from None

    @property
    def authorities(self) -> str:
        """The authorities that are trusted besides, as `add_credential` takes them."""
        return str(self.cleaned_data.get("ca", ""))

    def made_name(self, host: str) -> str:
        """What a credential is called that got no name: user and host."""
        user = self.cleaned_data.get("username", "")
        made = f"{user} at {host}" if user else host
        return made if len(made) <= MAX_NAME_LENGTH else made[: MAX_NAME_LENGTH - 1] + "…"

    def values(self) -> dict[str, str]:
        return {each.name: self.cleaned_data.get(each.name, "") for each in self.provider.fields}

    def check_values(self, host: str = "") -> None:
        """Have the kind of registry judge the values for `host`. Likely slips are errors until `keep` confirms them."""
        if any(each.name in self.errors for each in self.provider.fields):
            return
        try:
            self.provider.check(self.values(), host)
        except CredentialMalformed as error:
            named, reason = (str(error.params.get(each, "")) for each in ("field", "reason"))
            text = reason or "they can't be used as they are"
            self.add_error(named if named in self.fields else None, f"{text[:1].upper()}{text[1:]}.")
            return
        if self.judges_slips and not self.cleaned_data.get("keep"):
            for notice in self.provider.warnings(self.values()):
                self.slips = True
                self.add_error(notice.field, notice.text)


class CredentialForm(ProviderValuesForm):
    """A new credential of one kind of registry. What was pasted whole fills the fields that were left empty."""

    paste = forms.CharField(
        label="docker login or config.json",
        required=False,
        strip=False,
        widget=SecretArea(attrs={"class": "input-mono", "rows": 3, "autocomplete": "off", "spellcheck": "false",
                                 "autocapitalize": "none", "placeholder": "docker login registry.example.com -u …"}),
        help_text="The whole command line, or docker's config.json with the login in it. Fields that are left empty "
        "are filled from it; what it says is not shown again.",
    )  # fmt: skip
    host = forms.CharField(
        label="Host",
        strip=False,
        max_length=MAX_HOST_LENGTH,
        widget=forms.TextInput(attrs={"class": "input-mono", "autocapitalize": "none", "spellcheck": "false"}),
        error_messages={"required": "Enter the registry's host name, such as registry.example.com."},
    )
    name = forms.CharField(
        label="Name",
        required=False,
        max_length=MAX_NAME_LENGTH,
        help_text="How you find it again in lists. Left empty, it is called after user and host.",
    )
    trial = forms.CharField(
        label="Test it on an image",
        required=False,
        max_length=512,
        widget=forms.TextInput(attrs={"class": "input-mono", "autocapitalize": "none", "spellcheck": "false",
                                      "placeholder": "team/app:1.0"}),
        help_text="A worker signs in and reads what a pull of this image would need. Nothing is pulled.",
    )  # fmt: skip
    hold = forms.ChoiceField(
        label="How long it is kept", choices=Credential.Hold.choices, initial=Credential.Hold.PULL,
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        help_text="An unused credential is destroyed after an hour in any case.",
    )  # fmt: skip

    def __init__(self, data: Any = None, *, provider: Provider, **options: Any) -> None:
        self.pasted = read_login(data.get("paste", ""), _typed_host(data)) if data else None
        super().__init__(_filled(data, self.pasted, provider), provider=provider, **options)
        self.fields["host"].help_text = provider.host_help
        if provider.host:
            del self.fields["host"]
        self.order_fields(
            ["paste", "host", *(each.name for each in provider.fields), "ca", "keep", "name", "hold", "trial"]
        )

    def clean_host(self) -> str:
        try:
            host = read_host(self.cleaned_data["host"])
        except ReferenceInvalid as error:
            raise ValidationError(error.text, code=error.code) from None
        other = recognise(host)
        if other.host and other.kind != self.provider.kind:
            raise ValidationError(_is_another(other), code="host_of_another_kind")
        return host

    def clean_paste(self) -> str:
        """Empty: what it said stands in the other fields by now."""
        text = self.cleaned_data["paste"]
        if self.pasted is None and text.strip():
            hosts = ", ".join(each.host for each in read_logins(text)[:5])
            raise ValidationError(
                f"It holds logins for {hosts[:300]}. Enter the host of the one that is meant."
                if hosts
                else "This is neither a docker login command nor a config.json with a login in it.",
                code="paste_unreadable",
            )
        if self.pasted is not None:
            self._check_pasted_host(self.pasted.host)
        return ""

    def _check_pasted_host(self, host: str) -> None:
        mine = self.provider.host
        if mine and host != mine:
            raise ValidationError(_is_another(recognise(host)), code="host_of_another_kind")
        if not mine and host != (_typed_host(self.data) or host):
            raise ValidationError(
                f"This login is for {host}, and another host is entered. Empty one of the two.", code="paste_host"
            )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not name.isprintable():
            raise ValidationError("Remove the invisible characters from the name.")
        return name

    def clean(self) -> dict[str, Any]:
        self.check_values(self.provider.host or self.cleaned_data.get("host", ""))
        return self.cleaned_data

    @property
    def canonical_host(self) -> str:
        return self.provider.host or str(self.cleaned_data["host"])

    @property
    def chosen_name(self) -> str:
        """The name, or one made of what else was typed."""
        return self.cleaned_data["name"] or self.made_name(self.canonical_host)


def _is_another(kind: Provider) -> str:
    return f"This is {kind.name}: choose {kind.name} as the kind of registry."


def _typed_host(data: Any) -> str:
    """The host as typed, in its canonical form; nothing where it can't be read."""
    try:
        return parse_host(data.get("host", ""))
    except ReferenceInvalid:
        return ""


def _filled(data: Any, pasted: Pasted | None, provider: Provider) -> Any:
    """Return what was typed, with empty fields filled from what was pasted."""
    if pasted is None:
        return data
    values = {"host": pasted.host, "username": pasted.username, "password": pasted.secret, "key": pasted.secret}
    names = {"host", *(each.name for each in provider.fields)}
    whole = data.copy()
    for name, value in values.items():
        if name in names and value and not whole.get(name):
            whole[name] = value
    return whole
