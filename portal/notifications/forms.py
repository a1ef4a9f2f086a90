"""Forms of email preferences and webhooks."""

from __future__ import annotations

from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict

from portal.notifications.subscriptions import EVENTS, NO, SCOPES
from registries.hosts import check_host
from registries.oci.reference import ReferenceInvalid


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
        """Check the address without a DNS lookup, which only workers do."""
        address: str = self.cleaned_data["address"].strip()
        if not address.isascii() or not address.isprintable() or " " in address:
            raise ValidationError("Write the address in plain characters, without blanks.")
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError:
            raise ValidationError("This is not an address. Write it as https://host/path.") from None
        plain_allowed = bool(settings.PORTAL_REGISTRY_ALLOW_NETWORKS)
        if parts.scheme != "https" and not (plain_allowed and parts.scheme == "http"):
            raise ValidationError("It has to begin with https://.")
        if parts.username or parts.password:
            raise ValidationError("Leave user name and password out: the signature shows who sends.")
        if not parts.hostname or parts.fragment:
            raise ValidationError("This is not an address. Write it as https://host/path.")
        try:
            check_host(f"{parts.hostname}:{port}" if port else parts.hostname)
        except ReferenceInvalid:
            raise ValidationError(
                "The portal may not connect to this host or port. Use a public host name, with port 443 or one above "
                "1023."
            ) from None
        return address
