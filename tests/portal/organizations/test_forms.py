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


def test_an_invitation() -> None:
    form = InviteForm()

    assert asked(form) == {
        "email": ("Email address", None, 254, {
            "autocomplete": "off", "placeholder": "name@company.example", "maxlength": "254",
        }),
        "role": ("Role", "member", None, {}),
    }  # fmt: skip
    assert offered(form, "role") == [
        ("viewer", "Viewer: looks at everything, changes nothing"),
        ("member", "Member: adds credentials, makes and runs groups"),
        ("owner", "Owner: also decides about people and keys"),
    ]
    assert form.not_done == "Not invited yet"
    assert InviteForm(typed(role="viewer")).errors == {"email": ["Enter the address of whoever should join."]}


def test_a_role() -> None:
    assert asked(RoleForm()) == {"role": ("Role", None, None, {})}
    assert sorted(offered(RoleForm(), "role")) == [("member", "Member"), ("owner", "Owner"), ("viewer", "Viewer")]


def test_a_first_password() -> None:
    form = FirstPasswordForm(email="nina@acme.example")

    attributes = {"autocomplete": "new-password", "maxlength": "128"}
    assert asked(form) == {"password": ("Password", None, 128, attributes)}
    assert form.fields["password"].help_text == "At least 10 characters. A sentence that you can remember is good."
    assert form.not_done == "Not joined yet"
    for wrong in ("", "password123", "nina@acme.example", "a" * 129):
        refused = FirstPasswordForm(typed(password=wrong), email="nina@acme.example")
        assert not refused.is_valid()
        assert wrong or refused.errors == {"password": ["Choose a password."]}
    for good in (f"  {GOOD} ", "x7" * 64):
        form = FirstPasswordForm(typed(password=good), email="nina@acme.example")
        assert form.is_valid(), form.errors
        assert form.cleaned_data == {"password": good}, "spaces are part of a password"


def test_an_api_key() -> None:
    form = KeyForm()

    assert asked(form) == {
        "name": ("Name", None, 63, {"autocomplete": "off", "maxlength": "63"}),
        "scope": ("What it may do", "read", None, {}),
        "days": ("How long it works", 90, None, {}),
    }
    assert offered(form, "days") == [(30, "30 days"), (90, "90 days"), (365, "A year"), (0, "No expiry")]
    assert [value for value, _ in offered(form, "scope")] == ["read", "write"]
    assert "The activity shows it" in form.fields["name"].help_text
    assert form.not_done == "Not created yet"
    refused = KeyForm(typed(scope="read", days="30"))
    assert refused.errors == {"name": ["Name the key after the program that uses it."]}


@pytest.mark.parametrize(("name", "is_fine"), [("a" * 63, True), ("a" * 64, False), ("a\u202eb", False)])
def test_the_name_of_a_key(name: str, is_fine: bool) -> None:
    form = KeyForm(typed(name=name, scope="write", days="0"))

    assert form.is_valid() == is_fine
    if is_fine:
        assert form.cleaned_data == {"name": name, "scope": "write", "days": 0}
