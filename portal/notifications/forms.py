"""Forms of email preferences and webhooks."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from portal.notifications.subscriptions import EVENTS, NO, SCOPES
from portal.notifications.webhook_address import AddressRefused, check_address


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


class WebhookForm(forms.Form):
    """A webhook: its address and its events."""

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

    def clean_address(self) -> str:
        try:
            return check_address(self.cleaned_data["address"])
        except AddressRefused as refusal:
            raise ValidationError(refusal.message) from None
