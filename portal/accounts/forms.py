"""allauth's forms, with the labels of this portal."""

from __future__ import annotations

from types import MappingProxyType

from allauth.account.fields import PasswordField, SetPasswordField
from allauth.account.forms import (
    ChangePasswordForm,
    LoginForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
    SetPasswordForm,
)
from django import forms
from django.http import HttpRequest

from portal.accounts import password_mails
from portal.accounts.password_rules import MIN_LENGTH
from registries.foundation.guarded_forms import GuardsFields

RULES = (
    f"At least {MIN_LENGTH} characters of any kind. A sentence that you can remember is good. Your address and the "
    "names of your organizations don't count."
)


class SignInForm(GuardsFields, LoginForm):  # type: ignore[misc]  # allauth has no types
    """Email and password."""

    advice = MappingProxyType({"login": "enter your email address"})

    remember = forms.BooleanField(label="Keep me signed in", required=False)

    def __init__(self, *args: object, **kwargs: object) -> None:
        LoginForm.__init__(self, *args, **kwargs)
        # Where a browser can, it offers the passkeys of this portal in the field.
        self.fields["login"].widget.attrs["autocomplete"] = "username webauthn"


class ForgottenPasswordForm(GuardsFields, ResetPasswordForm):  # type: ignore[misc]
    """Asking for a link that sets a new password."""

    def save(self, request: HttpRequest, **kwargs: object) -> str:
        """Have a worker mail the link, if there is an account; return the address that was typed."""
        password_mails.ask(self.users)
        return str(self.cleaned_data["email"])


class NewPasswordForm(GuardsFields, ResetPasswordKeyForm):  # type: ignore[misc]
    """The page behind the mailed link."""

    password1 = SetPasswordField(label="New password", help_text=RULES)
    password2 = PasswordField(label="New password again", autocomplete="new-password")


class OtherPasswordForm(GuardsFields, ChangePasswordForm):  # type: ignore[misc]
    """Changing one's password."""

    oldpassword = PasswordField(label="Current password", autocomplete="current-password")
    password1 = SetPasswordField(label="New password", help_text=RULES)
    password2 = PasswordField(label="New password again", autocomplete="new-password")


class FirstPasswordForm(GuardsFields, SetPasswordForm):  # type: ignore[misc]
    """A password for an account that has none."""

    password1 = SetPasswordField(label="Password", help_text=RULES)
    password2 = PasswordField(label="Password again", autocomplete="new-password")
