"""The form for a registry credential, built from what its kind of registry declares.

Secrets are never rendered: a form with errors asks for them again. Nothing is stored here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict

from registries.credential_rows import NewCredential
from registries.failures import CredentialMalformed
from registries.forms.credential_data import CHOSEN, FormPaste, read_form_data, typed_host
from registries.forms.credential_fields import advice_for, all_fields, value_fields
from registries.forms.fields import PastedLoginField, PasteField, in_a_sentence
from registries.forms.paste import Pasted, text_of_image
from registries.forms.paste_messages import PasteMismatch, check_login, not_chosen_message
from registries.foundation.guarded_forms import KEEP, GuardedForm
from registries.foundation.secret_shapes import Secret, find_secret
from registries.models import MAX_NAME_LENGTH, Credential
from registries.providers import Provider
from registries.providers.recognise import recognise


class CredentialForm(GuardedForm):
    """A new credential of one kind of registry, cleaned to a NewCredential.

    With `host` and `name` given, the form has only the fields that the kind declares and the pasted login. Otherwise it
    also has the host (unless the kind has only one), the name and the retention. A pasted login fills the fields that
    are empty, whichever field it was pasted into; `repository` is the image's, for logins that are for a part of a
    registry. If several logins fit, the form asks which one is meant. Without `is_kind_chosen` the kind is a guess.
    With `asks_to_confirm`, a likely mistake is an error until `keep` confirms it; a secret in a field that is shown is
    an error in any case.
    """

    word_fields = frozenset({"host"})
    exact_fields = frozenset({"host", "trial", "ca"})

    def __init__(
        self,
        data: Mapping[str, object] | None = None,
        files: MultiValueDict[str, UploadedFile[bytes]] | None = None,
        *,
        provider: Provider,
        host: str = "",
        repository: str = "",
        name: str = "",
        initial: Mapping[str, object] | None = None,
        prefix: str | None = None,
        asks_to_confirm: bool = True,
        is_kind_chosen: bool = True,
    ) -> None:
        self.provider = provider
        self._host = host or provider.host
        self._given_host = host
        self._name = name
        self._asks_to_confirm = asks_to_confirm
        self.secret_fields = provider.secret_names | {"paste"}
        self.name_fields = frozenset({"name", "username"} if provider.has_chosen_names else {"name"})
        self.advice = advice_for(provider)
        self._repository = repository
        self._paste: FormPaste | None = None
        shown = {field: value for field, value in (initial or {}).items() if not find_secret(str(value), likely=False)}
        if data:
            data, self._paste = read_form_data(
                data,
                provider,
                prefix=prefix,
                host=host,
                repository=repository,
                initial=shown,
                is_kind_chosen=is_kind_chosen,
            )
        super().__init__(data, files, initial=shown, prefix=prefix)
        fields = value_fields(provider) if host else all_fields(provider)
        among = self._paste.selection.among if self._paste else ()
        asked = {CHOSEN: PastedLoginField(among)} if among else {}
        self.fields = {"paste": PasteField(), **asked, **fields}
        for declared in provider.fields if asked else ():
            self.fields[declared.name].required = False  # the chosen login fills it

    def full_clean(self) -> None:
        """Clean the form. What was sent is shown again after an error: only the image of a command, and no user name
        that was refused for a colon, as there may be a password after it."""
        super().full_clean()
        username = self.add_prefix("username")
        if "username" in self.errors and ":" in str(self.data.get(username) or ""):
            self.data = {**self.data, username: ""}
        if trial := str(self.data.get("trial") or ""):
            self.data = {**self.data, "trial": text_of_image(trial)}

    @property
    def pasted(self) -> Pasted | None:
        """The login that was pasted; None if there is none, or it isn't clear which one is meant."""
        return self._paste.login if self._paste else None

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

    def clean_trial(self) -> str:
        """Return only the image of a pasted command, which may hold secrets."""
        text: str = self.cleaned_data["trial"]
        image = text_of_image(text)
        if text.strip() and not image:
            raise ValidationError("No image can be read from this. Enter only the image.", code="no_image")
        return image

    def clean_paste(self) -> str:
        """Return an empty string: the pasted values are in the other fields."""
        text: str = self.cleaned_data["paste"]
        given = self._host
        if self.pasted is None or self._paste is None:
            if text.strip():
                message = not_chosen_message(self._paste, self.provider, given, is_for_image=bool(self._given_host))
                raise ValidationError(message, code="paste_unreadable")
            return ""
        try:
            check_login(
                self.pasted,
                self.provider,
                image=f"{self._given_host}/{self._repository}".rstrip("/") if self._given_host else "",
                typed=typed_host(self.data),
            )
        except PasteMismatch as mismatch:
            raise ValidationError(mismatch.message, code=mismatch.code) from None
        if self._paste.contradicted:
            labels = " and ".join(
                in_a_sentence(declared.label)
                for declared in self.provider.fields
                if declared.name in self._paste.contradicted
            )
            raise ValidationError(
                f"What was pasted and what was entered as {labels} differ. Empty one of the two.", code="paste_differs"
            )
        if self.pasted.note and not all(self._sent(name) for name in self._required_names()):
            raise ValidationError(self.pasted.note, code="paste_without_value")
        return ""

    def _required_names(self) -> list[str]:
        return [declared.name for declared in self.provider.fields if not declared.optional]

    def clean(self) -> dict[str, object]:
        """Validate the values as the kind of registry requires."""
        if "paste" in self.errors:
            self._forget_missing()
            return self.cleaned_data
        if any(declared.name in self.errors or declared.name in self.withheld for declared in self.provider.fields):
            return self.cleaned_data
        if CHOSEN in self.fields:
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

    def _forget_missing(self) -> None:
        """Leave one error where a paste can't be used: the fields that it would have filled are no mistakes."""
        for name in ("host", *self._required_names()):
            if name in self.fields and not self._sent(name) and name not in self.withheld:
                self.errors.pop(name, None)

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


def _default_name(user: str, host: str) -> str:
    """Return the name of a credential that was not given one: user and host."""
    name = f"{user} at {host}" if user else host
    return name if len(name) <= MAX_NAME_LENGTH else name[: MAX_NAME_LENGTH - 1] + "…"


def _other_kind_message(kind: Provider) -> str:
    return f"This is {kind.name}: choose {kind.name} as the kind of registry."
