"""The form for a registry credential, built from what its kind of registry declares.

Secrets are never rendered: a form with errors asks for them again. Nothing is stored here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict

from registries.credential_rows import NewCredential
from registries.failures import CredentialMalformed
from registries.forms.credential_data import read_form_data, typed_host
from registries.forms.fields import (
    AuthorityField,
    HostField,
    NameField,
    PasteField,
    RegistryValueField,
    in_a_sentence,
)
from registries.forms.paste import read_logins
from registries.foundation.guarded_forms import KEEP, GuardedForm, keep_field
from registries.foundation.secret_shapes import Secret, find_secret
from registries.models import MAX_NAME_LENGTH, Credential
from registries.providers import PROVIDERS, Provider
from registries.providers.recognise import recognise


class CredentialForm(GuardedForm):
    """A new credential of one kind of registry, cleaned to a NewCredential.

    With `host` and `name` given, the form has only the fields that the kind declares and the pasted login. Otherwise it
    also has the host (unless the kind has only one), the name and the retention. A pasted login fills the fields that
    are empty, whichever field it was pasted into. With `asks_to_confirm`, a likely mistake is an error until `keep`
    confirms it; a secret in a field that is shown is an error in any case.
    """

    exact_fields = frozenset({"host", "trial", "ca"})

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
        self._host = host or provider.host
        self._given_host = host
        self._name = name
        self._asks_to_confirm = asks_to_confirm
        self.secret_fields = provider.secret_names | {"paste"}
        self.name_fields = frozenset({"name", "username"} if provider.has_chosen_names else {"name"})
        self.advice = _advice(provider)
        self.pasted = None
        if data:
            data, self.pasted = read_form_data(data, provider, prefix=prefix, host=host)
        shown = {field: value for field, value in (initial or {}).items() if not find_secret(str(value), likely=False)}
        super().__init__(data, files, initial=shown, prefix=prefix)
        self.fields = {"paste": PasteField(), **_value_fields(provider)} if host else _all_fields(provider)

    @property
    def swapped_fields(self) -> tuple[str, str] | None:
        """The ids of the two inputs that people confuse, a name and its secret; None if the kind has no such pair."""
        pair = self.provider.name_and_secret
        return (self[pair[0]].auto_id, self[pair[1]].auto_id) if pair else None

    @property
    def offers_swap(self) -> bool:
        """Whether the secret seems to be in the field for the name. Known once the form is cleaned."""
        pair = self.provider.name_and_secret
        return self.is_bound and pair is not None and bool(self.errors) and pair[0] in self.withheld

    def must_repeat(self, name: str) -> bool:
        """Whether this field was sent with a secret that the page doesn't show again, so that it looks empty."""
        if not self.is_bound or name not in self.secret_fields or name in self.errors:
            return False
        from_paste = self.pasted is not None
        return bool(self._sent(name)) and (name == "paste") == from_paste

    def _sent(self, name: str) -> str:
        field = self.fields[name]
        text = field.widget.value_from_datadict(self.data, self.files, self.add_prefix(name))
        return str(text or "").strip()

    def find_secret(self, name: str, text: str, *, likely: bool) -> Secret | None:
        """What a field is for is no secret in it, such as an access key ID; everything else there may be the secret."""
        pattern = next((declared.pattern for declared in self.provider.fields if declared.name == name), "")
        if pattern:
            return None if re.fullmatch(pattern, text.strip()) else find_secret(text)
        return super().find_secret(name, text, likely=likely)

    def clean_host(self) -> str:
        host: str = self.cleaned_data["host"]
        recognised = recognise(host)
        if recognised.host and recognised.fields and recognised.kind != self.provider.kind:
            raise ValidationError(_other_kind_message(recognised), code="host_of_another_kind")
        return host

    def clean_paste(self) -> str:
        """Return an empty string: the pasted values are in the other fields."""
        text: str = self.cleaned_data["paste"]
        if self.pasted is None and text.strip():
            raise ValidationError(
                self._no_login_message(", ".join(login.host for login in read_logins(text)[:5])[:300])
                or "No login could be read from this. Paste a docker login command, a config.json with a login in "
                "it, a Kubernetes secret, or a key file.",
                code="paste_unreadable",
            )
        if self.pasted is not None:
            self._check_pasted_host(self.pasted.host, self.pasted.kind)
        return ""

    def clean(self) -> dict[str, object]:
        """Validate the values as the kind of registry requires."""
        if any(declared.name in self.errors or declared.name in self.withheld for declared in self.provider.fields):
            return self.cleaned_data
        values = self._values()
        try:
            self.provider.check(values, self._host or self.cleaned_data.get("host", ""))
        except CredentialMalformed as error:
            field, reason = (str(error.params.get(param, "")) for param in ("field", "reason"))
            text = reason or "they can't be used as they are"
            self.add_error(field if field in self.fields else None, f"{text[:1].upper()}{text[1:]}.")
            return self.cleaned_data
        if self._asks_to_confirm and not self.cleaned_data.get(KEEP):
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

    def _no_login_message(self, hosts: str) -> str:
        """What to do if none of several pasted logins, for these hosts, could be chosen; empty if there are none."""
        if not hosts:
            return ""
        found = f"There are logins for {hosts} in it"
        if not self._host:
            return f"{found}. Enter the host of the one to use, and paste it again."
        other = "" if self._given_host else ", or choose another kind of registry"
        return f"{found}, but none for {self._host}. Paste that login{other}."

    def _values(self) -> dict[str, str]:
        return {declared.name: self.cleaned_data.get(declared.name, "") for declared in self.provider.fields}

    def _check_pasted_host(self, host: str, kind: str) -> None:
        own_host = self.provider.host
        if kind and kind != self.provider.kind:
            raise ValidationError(_paste_elsewhere_message(PROVIDERS[kind]), code="host_of_another_kind")
        if not host:
            return
        if self._given_host:
            if host != self._given_host:
                raise ValidationError(
                    f"This login is for {host}, and the image is at {self._given_host}. Paste the login for that host.",
                    code="paste_host",
                )
        elif own_host and host != own_host:
            raise ValidationError(_paste_elsewhere_message(recognise(host), host), code="host_of_another_kind")
        elif not own_host and host != (typed_host(self.data) or host):
            raise ValidationError(
                f"This login is for {host}, and another host is entered. Empty one of the two.", code="paste_host"
            )


def _value_fields(provider: Provider) -> dict[str, forms.Field]:
    """Return the fields that the kind of registry declares, in order, and those that every such form has."""
    fields: dict[str, forms.Field] = {declared.name: RegistryValueField(declared) for declared in provider.fields}
    if not provider.host:
        fields["ca"] = AuthorityField()
    fields[KEEP] = keep_field()
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


def _default_name(user: str, host: str) -> str:
    """Return the name of a credential that was not given one: user and host."""
    name = f"{user} at {host}" if user else host
    return name if len(name) <= MAX_NAME_LENGTH else name[: MAX_NAME_LENGTH - 1] + "…"


def _other_kind_message(kind: Provider) -> str:
    return f"This is {kind.name}: choose {kind.name} as the kind of registry."


def _paste_elsewhere_message(kind: Provider, host: str = "") -> str:
    of = f"for {host}" if host else f"of {kind.name}"
    return f"This login is {of}: choose {kind.name} as the kind of registry, and paste it again."


def _advice(provider: Provider) -> dict[str, str]:
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
