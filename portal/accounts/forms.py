"""allauth's forms, with the labels of this portal."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from allauth.account.forms import LoginForm, ResetPasswordKeyForm

from registries.foundation.guarded_forms import GuardsFields


class SignInForm(GuardsFields, LoginForm):  # type: ignore[misc]  # allauth has no types
    """Email and password."""

    advice = MappingProxyType({"login": "enter your email address"})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["remember"].label = "Keep me signed in"


class NewPasswordForm(GuardsFields, ResetPasswordKeyForm):  # type: ignore[misc]
    """The page behind the mailed link."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in (("password1", "New password"), ("password2", "New password again")):
            self.fields[name].label = label
            self.fields[name].widget.attrs.pop("placeholder", None)
