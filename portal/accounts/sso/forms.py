"""What people type for single sign-on."""

from __future__ import annotations

from django import forms

from portal.models import Role
from registries.foundation.guarded_forms import GuardsFields


class FindForm(GuardsFields, forms.Form):
    """Whose single sign-on it is."""

    where = forms.CharField(
        label="Work email or organization",
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "email", "autocapitalize": "none", "spellcheck": "false"}),
        help_text="Your work email address, or your organization's part of this portal's addresses: acme in /o/acme/.",
    )


class ProviderForm(GuardsFields, forms.Form):
    """An organization's provider."""

    issuer = forms.URLField(
        label="Issuer",
        max_length=500,
        assume_scheme="https",
        help_text="The address before /.well-known/openid-configuration, exactly as the provider states it.",
    )
    client_id = forms.CharField(label="Client ID", max_length=255)
    client_secret = forms.CharField(
        label="Client secret",
        max_length=2000,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Encrypted when you save it. Only workers can decrypt it.",
    )


class PolicyForm(GuardsFields, forms.Form):
    """Who may sign in with single sign-on, and who must."""

    adds_members = forms.BooleanField(
        label="Add new people as members",
        required=False,
        help_text="When they first sign in with an address of a verified domain.",
    )
    default_role = forms.ChoiceField(
        label="Role of new members", choices=[(role.value, role.label) for role in (Role.VIEWER, Role.MEMBER)]
    )
    required_claim = forms.CharField(
        label="Required claim",
        max_length=100,
        required=False,
        help_text="For example, groups. Leave it empty to let everybody in.",
    )
    required_value = forms.CharField(label="Required value", max_length=200, required=False)
    requires_sso = forms.BooleanField(
        label="Require single sign-on",
        required=False,
        help_text="Members have to use it. Owners can still use their password with a second factor.",
    )

    def clean(self) -> dict[str, object]:
        """Refuse a claim without a value, and a value without a claim."""
        values: dict[str, object] = super().clean() or {}
        if bool(values.get("required_claim")) != bool(values.get("required_value")):
            self.add_error("required_value", "Enter both the claim and its value, or neither.")
        return values


class DomainForm(GuardsFields, forms.Form):
    """A domain to verify."""

    name = forms.CharField(
        label="Domain", max_length=253, help_text="The part of your email addresses after the @, such as example.com."
    )
