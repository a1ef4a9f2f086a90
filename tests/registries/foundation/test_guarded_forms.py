"""Forms of which no shown field keeps a secret, and that all forms of the product are such forms."""

from __future__ import annotations

import importlib

import pytest
from django import forms
from django.http import QueryDict

from registries.foundation.guarded_forms import GuardedForm, GuardsFields, keep_field
from tests.support.product_modules import MODULES

TOKEN = "ghp_" + "CANARY7f3aCANARY7f3a" + "CANARY7f3aCANARY"  # pragma: allowlist secret
RANDOM = "Zk3rT9wQx7LmB2vNc8YhJ4pD"
WITHOUT_FREE_TEXT = {
    "portal.notifications.forms.EmailForm": "choices only",
    "portal.organizations.forms.KeepForm": "choices only",
    "portal.organizations.forms.RoleForm": "a choice only",
    "portal.organizations.forms.FirstPasswordForm": "a password only, which is never rendered",
    "portal.accounts.factor_forms._PasskeyProof": "a response of the browser's, which is never rendered",
    "portal.accounts.factor_forms.PasskeyStepForm": "the same",
    "portal.accounts.factor_forms.PasskeyLoginForm": "the same",
    "portal.accounts.factor_forms.PasskeyAgainForm": "the same",
    "portal.admin.organization_forms.MembershipForm": "choices only",
    "portal.support.desk.forms.StateForm": "choices only",
    "groups.web.forms.RetryForm": "a choice only",
}


class Note(GuardedForm):
    """A form with each kind of field."""

    secret_fields = frozenset({"environment"})
    exact_fields = frozenset({"image"})
    name_fields = frozenset({"name"})
    long_fields = frozenset({"command"})

    name = forms.CharField()
    count = forms.IntegerField(required=False)
    image = forms.CharField(required=False)
    command = forms.CharField(required=False)
    text = forms.CharField(required=False, widget=forms.Textarea)
    environment = forms.CharField(required=False, widget=forms.Textarea)
    password = forms.CharField(required=False, widget=forms.PasswordInput)
    keep = keep_field()

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        assert TOKEN not in name
        return name


def note(**typed: str) -> Note:
    return Note({"name": "web"} | typed)


@pytest.mark.parametrize("field", ["name", "count", "image", "command", "text"])
def test_a_token_is_in_no_shown_field(field: str) -> None:
    form = note(**{field: f"{TOKEN}"})

    assert not form.is_valid()
    assert list(form.errors) == [field]
    assert TOKEN not in form.as_p()


def test_a_form_that_was_sent_stays_as_it_was() -> None:
    sent = QueryDict(f"name={TOKEN}")

    assert not Note(sent).is_valid()
    assert sent["name"] == TOKEN


@pytest.mark.parametrize("field", ["environment", "password"])
def test_a_field_for_secrets_takes_one(field: str) -> None:
    form = note(**{field: TOKEN})

    assert form.is_valid()
    assert form.cleaned_data[field] == TOKEN


@pytest.mark.parametrize("field", ["command", "text"])
def test_a_long_text_loses_only_the_secret(field: str) -> None:
    form = note(**{field: f"python app.py {TOKEN} 80"})

    assert not form.is_valid()
    assert form[field].value() == "python app.py [removed] 80"
    again = note(**{field: str(form[field].value())})
    assert again.is_valid(), again.errors


def test_what_may_be_harmless_is_asked_about_once() -> None:
    asked, kept = note(name=RANDOM), note(name=RANDOM, keep="on")

    assert not asked.is_valid()
    assert asked.has_suspicious_input
    assert RANDOM not in asked.as_p()
    assert kept.is_valid()
    assert kept.cleaned_data["name"] == RANDOM


def test_nobody_can_keep_what_is_certainly_a_secret() -> None:
    form = note(name=TOKEN, keep="on")

    assert not form.is_valid()
    assert not form.has_suspicious_input


def test_where_random_texts_are_usual_they_pass() -> None:
    assert note(image=RANDOM).is_valid()


@pytest.mark.parametrize("lone", [40 * "a1", "e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d"])
def test_an_id_is_asked_about_as_a_name_only(lone: str) -> None:
    asked, kept = note(name=lone), note(name=lone, keep="on")

    assert list(asked.errors) == ["name"]
    assert asked.has_suspicious_input
    assert lone not in asked.as_p()
    assert kept.is_valid()
    assert all(note(**{field: lone}).is_valid() for field in ("image", "command", "text"))


def _subclasses(form: type[forms.BaseForm]) -> set[type[forms.BaseForm]]:
    own = set(form.__subclasses__())
    return own.union(*map(_subclasses, own))


def test_every_form_of_the_product_guards_its_fields() -> None:
    for name in MODULES:
        if "forms" in name or "admin" in name or name.startswith("groups.web"):
            importlib.import_module(name)
    product = {f"{form.__module__}.{form.__qualname__}": form for form in _subclasses(forms.BaseForm)}
    own = ("registries.forms", "registries.admin", "groups.", "portal.")
    product = {name: form for name, form in product.items() if name.startswith(own)}

    unguarded = {name for name, form in product.items() if not issubclass(form, GuardsFields)}

    assert unguarded == set(WITHOUT_FREE_TEXT)
