"""The form for a registry credential, built from what its kind of registry declares.

Secrets are never rendered: a form with errors asks for them again. Nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict

from registries.credential_rows import NewCredential
from registries.failures import CredentialMalformed
from registries.forms.fields import AuthorityField, HostField, NameField, PasteField, RegistryValueField
from registries.forms.paste import Pasted, read_login, read_logins
from registries.models import MAX_NAME_LENGTH, Credential
from registries.oci.reference import ReferenceInvalid, parse_host
from registries.providers import Provider
from registries.providers.recognise import recognise


class CredentialForm(forms.Form):
    """A new credential of one kind of registry, cleaned to a NewCredential.

    With `host` and `name` given, the form has only the fields that the kind declares. Otherwise it also has the host
    (unless the kind has only one), the name and the retention, and a pasted login fills the fields that are empty. With
    `asks_to_confirm`, a likely mistake is an error until `keep` confirms it.
    """

    def __init__(
        self,
        data: Mapping[str, object] | None = None,
        files: MultiValueDict[str, UploadedFile[bytes]] | None = None,
        *,
        provider: Provider,
        host: str = "",
        name: str = "",
        initial: Mapping[str, object] | None = None,
        prefix: str | None = None,
        asks_to_confirm: bool = True,
    ) -> None:
        self.provider = provider
        self.has_suspicious_input = False
        """Whether to offer `keep`; set when the form is cleaned."""
        self.pasted = read_pasted(data) if data and not host else None
        self._host = host or provider.host
        self._name = name
        self._asks_to_confirm = asks_to_confirm
        if self.pasted is not None:
            data = _fill_in(data or {}, self.pasted, provider)
        super().__init__(data, files, initial=dict(initial or {}), prefix=prefix)
        self.fields = _value_fields(provider) if host else _all_fields(provider)

    def clean_host(self) -> str:
        host: str = self.cleaned_data["host"]
        recognised = recognise(host)
        if recognised.host and recognised.kind != self.provider.kind:
            raise ValidationError(_other_kind_message(recognised), code="host_of_another_kind")
        return host

    def clean_paste(self) -> str:
        """Return an empty string: the pasted values are in the other fields."""
        text: str = self.cleaned_data["paste"]
        if self.pasted is None and text.strip():
            hosts = ", ".join(login.host for login in read_logins(text)[:5])
            raise ValidationError(
                f"It holds logins for {hosts[:300]}. Enter the host of the one that is meant."
                if hosts
                else "This is neither a docker login command nor a config.json with a login in it.",
                code="paste_unreadable",
            )
        if self.pasted is not None:
            self._check_pasted_host(self.pasted.host)
        return ""

    def clean(self) -> dict[str, object]:
        """Validate the values as the kind of registry requires."""
        if any(declared.name in self.errors for declared in self.provider.fields):
            return self.cleaned_data
        values = self._values()
        try:
            self.provider.check(values, self._host or self.cleaned_data.get("host", ""))
        except CredentialMalformed as error:
            field, reason = (str(error.params.get(param, "")) for param in ("field", "reason"))
            text = reason or "they can't be used as they are"
            self.add_error(field if field in self.fields else None, f"{text[:1].upper()}{text[1:]}.")
            return self.cleaned_data
        if self._asks_to_confirm and not self.cleaned_data.get("keep"):
            for notice in self.provider.warnings(values):
                self.has_suspicious_input = True
                self.add_error(notice.field, notice.text)
        return self.cleaned_data

    def new_credential(self) -> NewCredential:
        """Return the values for an action to seal and store. The form must be valid."""
        cleaned = self.cleaned_data
        host = self._host or cleaned["host"]
        return NewCredential(
            provider=self.provider.kind,
            name=self._name or cleaned.get("name") or _default_name(cleaned.get("username", ""), host),
            host=host,
            values=self._values(),
            ca=cleaned.get("ca", ""),
            hold=cleaned.get("hold", Credential.Retention.PULL),
        )

    def _values(self) -> dict[str, str]:
        return {declared.name: self.cleaned_data.get(declared.name, "") for declared in self.provider.fields}

    def _check_pasted_host(self, host: str) -> None:
        own_host = self.provider.host
        if own_host and host != own_host:
            raise ValidationError(_other_kind_message(recognise(host)), code="host_of_another_kind")
        if not own_host and host != (_typed_host(self.data) or host):
            raise ValidationError(
                f"This login is for {host}, and another host is entered. Empty one of the two.", code="paste_host"
            )


def _value_fields(provider: Provider) -> dict[str, forms.Field]:
    """Return the fields that the kind of registry declares, in order, and those that every such form has."""
    fields: dict[str, forms.Field] = {declared.name: RegistryValueField(declared) for declared in provider.fields}
    if not provider.host:
        fields["ca"] = AuthorityField()
    fields["keep"] = forms.BooleanField(label="It is meant so: keep it to the letter", required=False)
    return fields


def _all_fields(provider: Provider) -> dict[str, forms.Field]:
    """Return the fields of the page that adds a credential, in order."""
    fields: dict[str, forms.Field] = {"paste": PasteField()}
    if not provider.host:
        fields["host"] = HostField(help_text=provider.host_help)
        fields["host"].error_messages["required"] = "Enter the registry's host name, such as registry.example.com."
    return {
        **fields,
        **_value_fields(provider),
        "name": NameField(
            required=False,
            help_text="How you find it again in lists. Left empty, it is called after user and host.",
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


def _default_name(user: str, host: str) -> str:
    """Return the name of a credential that was not given one: user and host."""
    name = f"{user} at {host}" if user else host
    return name if len(name) <= MAX_NAME_LENGTH else name[: MAX_NAME_LENGTH - 1] + "…"


def _other_kind_message(kind: Provider) -> str:
    return f"This is {kind.name}: choose {kind.name} as the kind of registry."


def read_pasted(data: Mapping[str, object]) -> Pasted | None:
    """Return the login that was pasted into this form; of several, the one for the host that was typed."""
    return read_login(str(data.get("paste", "")), _typed_host(data))


def _typed_host(data: Mapping[str, object]) -> str:
    """Return the entered host in its canonical form; empty if it can't be read."""
    try:
        return parse_host(str(data.get("host", "")))
    except ReferenceInvalid:
        return ""


def _fill_in(data: Mapping[str, object], pasted: Pasted, provider: Provider) -> dict[str, object]:
    """Return the form's data with empty fields filled from the pasted login."""
    values = {"host": pasted.host, "username": pasted.username, "password": pasted.secret, "key": pasted.secret}
    names = {"host", *(declared.name for declared in provider.fields)}
    filled = dict(data.items())
    for name, value in values.items():
        if name in names and value and not filled.get(name):
            filled[name] = value
    return filled
