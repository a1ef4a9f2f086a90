"""allauth's forms, with the labels of this portal."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from allauth.account.fields import PasswordField, SetPasswordField
from allauth.account.forms import LoginForm, ResetPasswordKeyForm
from django import forms

from registries.foundation.guarded_forms import GuardsFields


class SignInForm(GuardsFields, LoginForm):  # type: ignore[misc]  # allauth has no types
    """Email and password."""

    advice = MappingProxyType({"login": "enter your email address"})

    remember = forms.BooleanField(label="Keep me signed in", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Where a browser can, it offers the passkeys of this portal in the field.
        self.fields["login"].widget.attrs["autocomplete"] = "username webauthn"


class NewPasswordForm(GuardsFields, ResetPasswordKeyForm):  # type: ignore[misc]
    """The page behind the mailed link."""

    password1 = SetPasswordField(label="New password")
    password2 = PasswordField(label="New password again", autocomplete="new-password")
