"""Forms of email preferences and webhooks."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from portal.notifications.subscriptions import EVENTS, NO, SCOPES
from portal.notifications.webhook_address import AddressRefused, check_address
from registries.foundation.address_mask import HIDDEN_PART, mask_address
from registries.foundation.guarded_forms import GuardedForm
from registries.foundation.secret_shapes import Secret


class EmailForm(forms.Form):
    """Which groups a member wants emails about, for each kind of event."""

    def __init__(self, data: QueryDict | None = None, *, wanted: dict[str, str]) -> None:
        super().__init__(data)
        for kind, words in EVENTS.items():
            self.fields[self.name_of(kind)] = forms.ChoiceField(
                label=words, choices=SCOPES, initial=wanted.get(kind, NO)
            )

    @staticmethod
    def name_of(kind: str) -> str:
        """The name of a kind's field: `failed` for `group.failed`."""
        return str(kind).partition(".")[2]

    @property
    def wanted(self) -> dict[str, str]:
        """The chosen scope by kind."""
        return {str(kind): self.cleaned_data[self.name_of(kind)] for kind in EVENTS}


class WebhookForm(GuardedForm):
    """A webhook: its address and its events.

    An address may have a secret part, which is never rendered: `initial` has the address as it is shown, and that means
    the one that is saved.
    """

    not_done = "Not saved yet"

    address = forms.CharField(
        label="Address",
        max_length=500,
        widget=forms.URLInput(attrs={"class": "input-mono", "placeholder": "https://hooks.example.com/drayage",
                                     "autocomplete": "off", "spellcheck": "false"}),
        help_text="A worker sends a signed POST there. Redirects are not followed.",
        error_messages={"required": "Enter the address, such as https://hooks.example.com/drayage."},
    )  # fmt: skip
    kinds = forms.MultipleChoiceField(
        label="Events",
        choices=[(str(kind.value), words) for kind, words in EVENTS.items()],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        error_messages={"required": "Choose at least one."},
    )

    def full_clean(self) -> None:
        """Clean the form. With errors, an address with a secret part has to be entered again."""
        super().full_clean()
        if not self.is_bound or not self.errors:
            return
        typed = str(self.data.get("address", ""))
        if mask_address(typed) == typed or typed == self.initial.get("address"):
            return
        self.data = {**self.data, "kinds": self["kinds"].value(), "address": ""}
        if "address" not in self.errors:
            self.add_error("address", "Enter the address again: it has a secret part, which is not shown.")

    def find_secret(self, name: str, text: str, *, likely: bool) -> Secret | None:
        """The address may have a secret part."""
        return None if name == "address" else super().find_secret(name, text, likely=likely)

    def clean_address(self) -> str | None:
        """Return the address; None if it is the one that is saved."""
        if HIDDEN_PART in self.cleaned_data["address"] and self.cleaned_data["address"] == self.initial.get("address"):
            return None
        try:
            return check_address(self.cleaned_data["address"])
        except AddressRefused as refusal:
            raise ValidationError(refusal.message) from None
