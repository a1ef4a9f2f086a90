"""Forms of a team and of API keys: what they ask, what they offer, and what they say about a wrong answer."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django import forms
from django.http import QueryDict

from portal.organizations.forms import FirstPasswordForm, InviteForm, KeyForm, RoleForm

GOOD = "a long and good sentence"


def asked(form: forms.Form) -> dict[str, tuple[object, ...]]:
    """Label, initial value, longest answer and attributes of each field."""
    return {
        name: (field.label, field.initial, getattr(field, "max_length", None), field.widget.attrs)
        for name, field in form.fields.items()
    }


def offered(form: forms.Form, name: str) -> list[Any]:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    choices: Any = field.choices
    return list(choices)


def typed(**values: str) -> QueryDict:
    return QueryDict(urlencode(values))


def test_what_each_form_asks() -> None:
    invitation, role, password, key = InviteForm(), RoleForm(), FirstPasswordForm(email="nina@acme.example"), KeyForm()

    assert [asked(form) for form in (invitation, role, password, key)] == [
        {
            "email": ("Email address", None, 254, {
                "autocomplete": "off", "placeholder": "name@company.example", "maxlength": "254",
            }),
            "role": ("Role", "member", None, {}),
        },
        {"keep": ("Keys to take over", None, None, {}), "role": ("Role", None, None, {})},
        {"password": ("Password", None, 1000, {"autocomplete": "new-password", "maxlength": "1000"})},
        {
            "name": ("Name", None, 63, {"autocomplete": "off", "maxlength": "63"}),
            "keep": ("Use this value exactly as entered", None, None, {}),
                "scope": ("What it may do", "read", None, {}),
            "project": ("Where", None, None, {}),
            "days": ("How long it works", 90, None, {}),
        },
    ]  # fmt: skip
    assert offered(invitation, "role") == [
        ("viewer", "Viewer: sees everything, changes nothing"),
        ("member", "Member: adds credentials, creates and runs groups"),
        ("owner", "Owner: also manages people and API keys"),
    ]
    assert offered(role, "role") == offered(invitation, "role")
    assert offered(key, "days") == [(30, "30 days"), (90, "90 days"), (365, "A year"), (0, "No expiry")]
    assert [value for value, _ in offered(key, "scope")] == ["read", "write"]
    assert password.fields["password"].help_text.startswith("At least 12 characters of any kind.")
    assert "The activity shows it" in key.fields["name"].help_text
    titles = [form.not_done for form in (invitation, password, key)]
    assert titles == ["Not invited yet", "Not joined yet", "Not created yet"]


def test_what_a_form_says_about_an_answer_that_is_missing() -> None:
    forms = (
        InviteForm(typed(role="viewer")),
        FirstPasswordForm(typed(), email="nina@acme.example"),
        KeyForm(typed(scope="read", days="30")),
    )

    assert [dict(form.errors) for form in forms] == [
        {"email": ["Enter the address of whoever should join."]},
        {"password": ["Choose a password."]},
        {"name": ["Name the key after the program that uses it."]},
    ]


def test_a_first_password() -> None:
    for wrong in ("short", "h7q-tvz9k", "password123", "nina@acme.example", "a" * 1001):
        assert not FirstPasswordForm(typed(password=wrong), email="nina@acme.example").is_valid()
    for good in (f"  {GOOD} ", "h7q-tvz9kwx2", "h7q-tvz9kwx2" * 10):
        form = FirstPasswordForm(typed(password=good), email="nina@acme.example")
        assert form.is_valid(), form.errors
        assert form.cleaned_data == {"password": good}, "spaces are part of a password"


@pytest.mark.parametrize(("name", "is_fine"), [("k" * 63, True), ("k" * 64, False), ("a\u202eb", False)])
def test_the_name_of_a_key(name: str, is_fine: bool) -> None:
    form = KeyForm(typed(name=name, scope="write", days="0"))

    assert form.is_valid() == is_fine
    if is_fine:
        assert form.cleaned_data == {"name": name, "keep": False, "scope": "write", "project": "", "days": 0}
