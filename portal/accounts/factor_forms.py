"""allauth's forms for second factors, with what the portal checks in addition."""

from __future__ import annotations

from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms

from portal.accounts import authority, passkeys
from portal.accounts.factor_actions import is_passwordless
from portal.accounts.factor_rows import RECOVERY_CODES, state_of
from portal.accounts.passkeys import Response, ResponseInvalid
from registries.foundation.guarded_forms import GuardsFields

CODE = {"autocomplete": "one-time-code", "inputmode": "text", "autocapitalize": "none", "spellcheck": "false"}


def _of_passkey(error: forms.ValidationError) -> forms.ValidationError:
    """allauth says that a code is incorrect, where there was no code."""
    is_code = getattr(error, "code", None) == "incorrect_code"
    return get_adapter().validation_error("passkey_invalid") if is_code else error


class AppForm(GuardsFields, ActivateTOTPForm):  # type: ignore[misc]  # allauth has no types
    """The first code of an authenticator app."""

    code = forms.CharField(label="Code from the app", max_length=20, widget=forms.TextInput(attrs=CODE))


class PasskeyForm(GuardsFields, AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey, as the browser registered it."""

    name = forms.CharField(
        label="Name",
        required=False,
        max_length=passkeys.MAX_NAME_LENGTH,
        help_text="For example, the device that it is on.",
    )
    passwordless = forms.BooleanField(
        label="Sign in with this passkey alone",
        required=False,
        initial=True,
        help_text=(
            "Your device asks for your fingerprint, face or PIN instead of a password. "
            "Clear this for a security key that you use in addition to your password."
        ),
    )
    response: Response

    def clean_credential(self) -> dict[str, object]:
        """Read the response; the parent's `clean` verifies it against the challenge."""
        try:
            self.response = passkeys.read_registration(self.cleaned_data["credential"])
        except ResponseInvalid:
            raise get_adapter().validation_error("passkey_invalid") from None
        return self.response.fields

    def clean(self) -> dict[str, object] | None:
        """Verify the response."""
        try:
            return super().clean()
        except forms.ValidationError as error:
            raise _of_passkey(error) from None


class _PasskeyProof(AuthenticateWebAuthnForm):  # type: ignore[misc]
    response: Response

    def clean_credential(self) -> Authenticator:
        """Verify the response. Its counter is stored by `save`."""
        try:
            self.response = passkeys.read_proof(self.cleaned_data["credential"], names_person=self.user is None)
        except ResponseInvalid:
            raise get_adapter().validation_error("passkey_invalid") from None
        self.cleaned_data["credential"] = self.response.fields
        try:
            factor: Authenticator = super().clean_credential()
        except forms.ValidationError as error:
            raise _of_passkey(error) from None
        is_alone = self.user is None
        if is_alone and not (self.response.is_verified and is_passwordless(factor)):
            raise get_adapter().validation_error("passkey_not_alone")
        if passkeys.is_copied(factor, self.response.sign_count):
            raise get_adapter().validation_error("passkey_copied")
        return factor

    def note_use(self) -> None:
        """Store the counter. Raises PasskeyCopied and AccountAltered."""
        factor = self.cleaned_data["credential"]
        passkeys.note_use(factor.user_id, factor.pk, self.response.sign_count)

    def save(self) -> None:
        """Accept the passkey for this session. Raises PasskeyCopied and AccountAltered."""
        self.note_use()
        super().save()


class PasskeyStepForm(_PasskeyProof):
    """A passkey as the second step of signing in."""


class PasskeyLoginForm(_PasskeyProof, LoginWebAuthnForm):  # type: ignore[misc]
    """A passkey that signs in on its own."""


class PasskeyAgainForm(_PasskeyProof, ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """A passkey before something that needs a fresh sign-in."""


class _CodeForm(GuardsFields):
    def clean_code(self) -> str:
        """Check the code. A recovery code that is used up here is marked as such in the account's mark too."""
        row, factors = authority.lock_with_factors(self.user.pk)  # type: ignore[attr-defined]
        code: str = super().clean_code()  # type: ignore[misc]
        used: Authenticator = self.authenticator  # type: ignore[attr-defined]
        if used.type == RECOVERY_CODES:
            used.refresh_from_db()  # locked above
            row.second_factors = state_of(used if factor.pk == used.pk else factor for factor in factors)
            authority.store(row, "second_factors")
        return code


class CodeForm(_CodeForm, AuthenticateForm):  # type: ignore[misc]
    """A code as the second step of signing in."""

    code = forms.CharField(label="Code", max_length=40, widget=forms.TextInput(attrs={**CODE, "autofocus": True}))


class CodeAgainForm(_CodeForm, ReauthenticateForm):  # type: ignore[misc]
    """A code before something that needs a fresh sign-in."""

    code = forms.CharField(
        label="Code",
        max_length=40,
        widget=forms.TextInput(attrs={**CODE, "autofocus": True}),
        help_text="From your authenticator app, or a recovery code.",
    )


class PasskeyNameForm(GuardsFields, forms.Form):
    """Another name for a passkey."""

    name = forms.CharField(label="Name", max_length=passkeys.MAX_NAME_LENGTH)
