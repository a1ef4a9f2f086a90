"""Forms that keep no secret in a field that is shown.

What looks like a secret (`registries.foundation.secret_shapes`) is taken out of the form before anything reads it, so
it is neither stored nor rendered again. Of longer texts only the secret is taken out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.datastructures import MultiValueDict

from registries.foundation.secret_shapes import Secret, find_lone_token, find_secret, redact

KEEP = "keep"
KEEP_LABEL = "Use this value exactly as entered"
_SHOWN = (forms.widgets.Input, forms.Textarea)
_WORDS = re.compile(r"\S\s+\S|=")
_NOT_SHOWN = (forms.PasswordInput, forms.HiddenInput, forms.FileInput, forms.CheckboxInput)


if TYPE_CHECKING:
    _Form = forms.BaseForm
else:
    _Form = object


class GuardsFields(_Form):
    """Mixed into a form before its base class: each text field that is rendered again refuses secrets.

    `secret_fields` may hold secrets and are never rendered. A form with the field `keep` also refuses what may be
    harmless, until that confirms it; not in `exact_fields`, such as images, whose tags may be random, and in
    `name_fields` also a lone UUID or row of hex digits, which is hardly a name. `long_fields` are inputs of one line
    from which only the secret is removed, as from text areas. In `word_fields` a value is one word: an invalid text of
    several isn't shown again, because anything may have been pasted. `advice` says, by field, what to do
    with a secret instead; it completes a sentence.
    """

    secret_fields: frozenset[str] = frozenset()
    exact_fields: frozenset[str] = frozenset()
    name_fields: frozenset[str] = frozenset()
    long_fields: frozenset[str] = frozenset()
    word_fields: frozenset[str] = frozenset()
    advice: Mapping[str, str] = MappingProxyType({})
    has_suspicious_input = False
    """Whether to offer `keep`; set when the form is cleaned."""
    withheld: Mapping[str, Secret] = MappingProxyType({})
    """What was taken out, by field; set when the form is cleaned."""

    def full_clean(self) -> None:
        """Clean the form without the secrets in it, and add an error to each field that held one."""
        if self.is_bound:
            self.withheld = self._withhold()
        super().full_clean()
        for name, secret in self.withheld.items():
            self.errors.pop(name, None)
            self.add_error(name, self.message_for(name, secret))
        self._forget_words()

    def _forget_words(self) -> None:
        """Take invalid texts of several words out of the fields for one word."""
        keys = [self.add_prefix(name) for name in self.word_fields & self.errors.keys()] if self.is_bound else []
        for key in keys:
            if _WORDS.search(str(self.data.get(key) or "")):
                self.data = self._copied_data()
                self.data[key] = ""

    def _copied_data(self) -> dict[str, Any]:
        return self.data.copy() if isinstance(self.data, (dict, MultiValueDict)) else dict(self.data)

    def message_for(self, name: str, secret: Secret) -> str:
        """Return the error for a field that held a secret. It repeats nothing of it."""
        advice = self.advice.get(name, "enter something else here")
        confirm = "" if secret.is_certain else f" If it is none, enter it again and choose “{KEEP_LABEL}”."
        return f"This looks like {secret.kind}, so it was not kept: {advice}.{confirm}"

    def _withhold(self) -> dict[str, Secret]:
        """Take secrets out of the form's data. Returns them by field."""
        found: dict[str, Secret] = {}
        data = self._copied_data()
        asks = KEEP in self.fields and not data.get(self.add_prefix(KEEP))
        for name, field in self.fields.items():
            if name in self.secret_fields or not isinstance(field.widget, _SHOWN):
                continue
            if isinstance(field.widget, _NOT_SHOWN):
                continue
            key = self.add_prefix(name)
            text = field.widget.value_from_datadict(self.data, self.files, key)
            likely = asks and name not in self.exact_fields
            secret = self.find_secret(name, text, likely=likely) if isinstance(text, str) else None
            if secret is None:
                continue
            found[name] = secret
            data[key] = self._without_secrets(name, text, likely=likely)
        if found:
            self.data = data
        self.has_suspicious_input = KEEP in self.fields and any(not secret.is_certain for secret in found.values())
        return found

    def _without_secrets(self, name: str, text: str, *, likely: bool) -> str:
        """What is rendered in a text's place: a long text with its secrets removed, and nothing of a short one."""
        if name not in self.long_fields and not isinstance(self.fields[name].widget, forms.Textarea):
            return ""
        rest = redact(text, likely=likely)
        return "" if self.find_secret(name, rest, likely=likely) else rest

    def find_secret(self, name: str, text: str, *, likely: bool) -> Secret | None:
        """Return what looks like a secret in the text of a field; with `likely`, what may be harmless too."""
        found = find_secret(text, likely=likely)
        return find_lone_token(text) if found is None and likely and name in self.name_fields else found


class GuardedForm(GuardsFields, forms.Form):
    """A form of which no shown field keeps a secret."""


def keep_field() -> forms.BooleanField:
    """Return the field with which people confirm that a text that looks like a secret is none."""
    return forms.BooleanField(label=KEEP_LABEL, required=False)
