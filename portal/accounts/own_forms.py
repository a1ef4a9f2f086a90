"""Forms of one's own account."""

from __future__ import annotations

from django import forms
from django.http import QueryDict

from portal.models.user import canonical_email
from registries.foundation.guarded_forms import GuardedForm
from registries.foundation.printable import validate_printable


class NameForm(GuardedForm):
    """The person's name."""

    first_name = forms.CharField(
        label="First name",
        max_length=150,
        required=False,
        validators=[validate_printable],
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        label="Last name",
        max_length=150,
        required=False,
        validators=[validate_printable],
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )


class AddressForm(GuardedForm):
    """The new address."""

    not_done = "No link sent yet"

    email = forms.EmailField(
        label="New email address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": "Enter the new address."},
    )


class DeleteForm(GuardedForm):
    """The address of the account that goes, typed again."""

    not_done = "Not deleted"

    email = forms.EmailField(
        label="Your email address, to confirm",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Enter your email address."},
    )

    def __init__(self, data: QueryDict | None = None, *, address: str) -> None:
        super().__init__(data)
        self.address = address

    def clean_email(self) -> str:
        if canonical_email(self.cleaned_data["email"]) != self.address:
            raise forms.ValidationError(f"Enter {self.address}.")
        return self.address
