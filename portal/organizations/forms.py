"""Forms of a team and of API keys."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import cast

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.http import QueryDict

from portal.models import ApiKey, Role, User
from registries.foundation.guarded_forms import GuardedForm, keep_field
from registries.foundation.printable import validate_printable

ROLES = [
    (Role.VIEWER.value, "Viewer: sees everything, changes nothing"),
    (Role.MEMBER.value, "Member: adds credentials, creates and runs groups"),
    (Role.OWNER.value, "Owner: also manages people and API keys"),
]


class InviteForm(GuardedForm):
    """An invitation: the address and the role."""

    not_done = "Not invited yet"

    email = forms.EmailField(
        label="Email address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "placeholder": "name@company.example"}),
        error_messages={"required": "Enter the address of whoever should join."},
    )
    role = forms.ChoiceField(label="Role", choices=ROLES, initial=Role.MEMBER.value)


class KeepForm(forms.Form):
    """Which API keys of a member become keys of whoever removes or demotes them. `held` are ids and names."""

    keep = forms.TypedMultipleChoiceField(
        label="Keys to take over", coerce=uuid.UUID, required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: QueryDict | None = None, *, held: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(data)
        cast("forms.TypedMultipleChoiceField", self.fields["keep"]).choices = held


class RoleForm(KeepForm):
    """A member's new role."""

    role = forms.ChoiceField(label="Role", choices=ROLES, widget=forms.RadioSelect)

    def __init__(self, data: QueryDict | None = None, *, held: Sequence[tuple[str, str]] = (), role: str = "") -> None:
        super().__init__(data, held=held)
        self.initial["role"] = role


class FirstPasswordForm(forms.Form):
    """The password of somebody who accepts an invitation and has no account yet."""

    not_done = "Not joined yet"

    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters of any kind. A sentence that you can remember is good. Your address and the "
        "names of your organizations don't count.",
        error_messages={"required": "Choose a password."},
    )

    def __init__(self, data: QueryDict | None = None, *, email: str) -> None:
        super().__init__(data)
        self.email = email

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, User(email=self.email))
        return password


class KeyForm(GuardedForm):
    """A new API key."""

    advice = {"name": "the activity shows this name, and the key itself is made by the portal"}

    name_fields = frozenset({"name"})

    not_done = "Not created yet"

    name = forms.CharField(
        label="Name",
        max_length=63,
        validators=[validate_printable],
        help_text="The program that uses it, such as deploy pipeline. The activity shows it with what the key did.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Name the key after the program that uses it."},
    )
    keep = keep_field()
    scope = forms.ChoiceField(label="What it may do", choices=ApiKey.Scope.choices, initial=ApiKey.Scope.READ)
    project = forms.ChoiceField(label="Where", required=False)
    days = forms.TypedChoiceField(
        label="How long it works",
        choices=[(30, "30 days"), (90, "90 days"), (365, "A year"), (0, "No expiry")],
        coerce=int,
        initial=90,
    )

    def __init__(self, data: QueryDict | None = None, *, projects: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(data)
        everywhere = ("", "The whole organization")
        only = [(slug, f"Only the project {name}") for slug, name in projects]
        cast("forms.ChoiceField", self.fields["project"]).choices = [everywhere, *only]
