"""The credential form: built from what each kind declares, exact about what was typed, silent about secrets.

No test here has a database: the form reads and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from pytest_django import Settings

from registries.forms.credential import CredentialForm
from registries.oci.login import Login
from registries.providers import PROVIDERS, Field, Provider

SECRET = "canary-7f3a-secret"  # pragma: allowlist secret
SELF_HOSTED = PROVIDERS["self_hosted"]
GOOD = {"host": "registry.example.com", "username": "deploy", "password": SECRET, "name": "", "hold": "pull"}

EVERY_KIND = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda provider: provider.kind)
EVERY_FIELD = pytest.mark.parametrize(
    ("provider", "declared"),
    [(provider, declared) for provider in PROVIDERS.values() for declared in provider.fields],
    ids=lambda value: value.kind if isinstance(value, Provider) else value.name,
)


def bound(**changed: str) -> CredentialForm:
    return CredentialForm(GOOD | changed, provider=SELF_HOSTED)


def test_what_is_right_is_taken_as_it_is() -> None:
    form = bound(password="Grüße, 世界")

    assert form.is_valid(), form.errors
    new = form.new_credential()
    assert new.values == {"username": "deploy", "password": "Grüße, 世界"}
    assert new.host == "registry.example.com"


@EVERY_KIND
def test_a_kind_asks_for_what_it_declares(provider: Provider) -> None:
    names = set(CredentialForm(provider=provider).fields)

    assert names >= {declared.name for declared in provider.fields} | {"name", "hold"}
    assert ("host" in names) is (not provider.host)


@EVERY_KIND
def test_no_field_takes_the_name_of_the_form_s_own(provider: Provider) -> None:
    assert not {declared.name for declared in provider.fields} & {"host", "name", "hold", "kind", "next", "for"}


@EVERY_FIELD
def test_a_field_as_it_is_declared(provider: Provider, declared: Field) -> None:
    field = CredentialForm(provider=provider).fields[declared.name]

    assert field.label == declared.label
    assert field.help_text == declared.help
    assert field.required is not declared.optional
    assert "autocomplete" in field.widget.attrs
    # A browser cuts a paste at maxlength, or drops its line breaks, and says nothing.
    assert "maxlength" not in field.widget.attrs
    assert (getattr(field.widget, "input_type", "textarea") == "textarea") is declared.multiline


@EVERY_FIELD
def test_a_secret_is_never_rendered(provider: Provider, declared: Field) -> None:
    typed = {value.name: f"{SECRET}-{value.name}" for value in provider.fields}
    for form in (CredentialForm(typed, provider=provider), CredentialForm(provider=provider, initial=typed)):
        if declared.secret:
            assert SECRET not in str(form[declared.name])
            assert SECRET not in form[declared.name].errors.as_text()


@EVERY_KIND
def test_a_form_asks_nobody_for_a_token(provider: Provider) -> None:
    """What a kind exchanges its values for is the worker's to ask for."""

    def exchange(values: Mapping[str, str], host: str) -> Login:
        raise AssertionError("the web zone connects to no registry")

    asking = replace(provider, exchange=exchange, checks=(), repair=None)
    typed = {declared.name: SECRET for declared in provider.fields}

    form = CredentialForm(GOOD | typed, provider=asking)

    assert form.is_valid(), form.errors


def test_what_is_optional_can_be_left_out() -> None:
    typed = {"host": "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "hold": "pull", "session_token": ""}
    keys = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "a1B2" * 10}

    form = CredentialForm(typed | keys, provider=PROVIDERS["ecr"])

    assert form.is_valid(), form.errors


def test_a_key_of_several_lines_is_read() -> None:
    key = json.dumps({"type": "user", "private_key": SECRET}, indent=2)

    form = CredentialForm({"host": "gcr.io", "hold": "pull", "key": f"{key}\n"}, provider=PROVIDERS["google"])

    assert not form.is_valid()
    said = form.errors.as_text()
    assert "line break" not in said
    assert "service" in said.lower()
    assert SECRET not in said


@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("value", [f" {SECRET}", f"{SECRET} ", f"{SECRET}\u00a0", f"{SECRET}\t"])
def test_blanks_at_the_ends_are_said_and_not_cut(field: str, value: str) -> None:
    form = bound(**{field: value})

    assert list(form.errors) == [field]
    assert SECRET not in form.errors.as_text()


def test_a_blank_that_is_meant_is_kept() -> None:
    for value, suspicious in ((f"{SECRET} ", True), (SECRET, False)):
        form = bound(password=value)
        form.is_valid()
        assert form.has_suspicious_input is suspicious
    form = bound(password=f"{SECRET} ", keep="on")

    assert form.is_valid(), form.errors
    assert form.new_credential().values["password"] == f"{SECRET} "


@pytest.mark.parametrize("value", ["deploy:prod", "a\nb", ""])
def test_what_can_not_work_is_not_kept_either(value: str) -> None:
    assert list(bound(username=value, keep="on").errors) == ["username"]


@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("value", [f"{SECRET}\r\nHost: evil", f"{SECRET}\n", "nul\x00", "\x1b[31m", ""])
def test_what_no_credential_holds(field: str, value: str) -> None:
    form = bound(**{field: value})

    assert list(form.errors) == [field]
    assert SECRET not in form.errors.as_text()


def test_a_colon_in_a_user_name_is_said_at_it() -> None:
    form = bound(username="deploy:prod")

    assert list(form.errors) == ["username"]
    assert "colon" in form.errors["username"][0]


@pytest.mark.parametrize("size", [1_000_000, 17 * 1024])
def test_a_secret_that_is_too_long(size: int) -> None:
    form = bound(password="x" * size)

    assert list(form.errors) == ["password"]
    assert len(form.errors.as_text()) < 500


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("", "host name"),
        ("https://registry.example.com", "https://"),
        ("registry.example.com/team", "slash"),
        ("user@registry.example.com", "@"),
        ("registry.example.com:0", "port"),
        ("registry.example.com:65536", "port"),
        ("registry.example.com:22", "host"),
        ("registry.example.com:6379", "host"),
        ("registry\t.example.com", "blank"),
        ("127.1", "number"),
        ("0x7f000001", "number"),
        ("10.0.0.1", "host"),
        ("169.254.169.254", "host"),
        ("[fd00:ec2::254]", "host"),
        ("[::ffff:10.0.0.1]", "host"),
        ("[64:ff9b::7f00:1]", "host"),
        ("x" * 300, ""),
    ],
)
def test_hosts_that_can_not_be_used(typed: str, word: str) -> None:
    form = bound(host=typed)

    assert list(form.errors) == ["host"]
    assert word in form.errors["host"][0]


@pytest.mark.parametrize("typed", ["localhost", "registry.internal", "registry.local:5000", "127.0.0.1:5000"])
def test_local_names_only_where_an_operator_opened_a_network(typed: str, settings: Settings) -> None:
    assert bound(host=typed).is_valid()
    settings.PORTAL_REGISTRY_ALLOW_NETWORKS = []
    assert list(bound(host=typed).errors) == ["host"]


def test_the_portal_s_own_host(settings: Settings) -> None:
    settings.PORTAL_PUBLIC_URL = "https://portal.example.com"

    assert list(bound(host="Portal.Example.com.").errors) == ["host"]


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("Registry.Example.COM.", "registry.example.com"),
        ("registry.example.com:5000", "registry.example.com:5000"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_host_has_one_form(typed: str, canonical: str) -> None:
    form = bound(host=typed)

    assert form.is_valid(), form.errors
    assert form.new_credential().host == canonical


@pytest.mark.parametrize("name", ["two\nlines", "turned\u202earound", "x" * 64])
def test_names_that_can_not_be_shown(name: str) -> None:
    assert list(bound(name=name).errors) == ["name"]


def test_a_blank_name_is_made_up() -> None:
    form = bound(host=f"{'a' * 60}.{'b' * 60}.example.com")

    assert form.is_valid()
    assert 0 < len(form.new_credential().name) <= 63


@pytest.mark.parametrize("hold", ["", "forever"])
def test_a_hold_is_one_of_two(hold: str) -> None:
    assert list(bound(hold=hold).errors) == ["hold"]


def test_beside_an_image_only_the_secret_is_asked_for() -> None:
    form = CredentialForm(
        {"new-username": "deploy", "new-password": SECRET, "new-ca": ""},
        provider=SELF_HOSTED, host="registry.example.com:5000", prefix="new",
    )  # fmt: skip

    assert list(form.fields) == ["paste", "username", "password", "keep", "ca"]
    assert form.is_valid(), form.errors
    new = form.new_credential()
    assert (new.provider, new.host, new.hold) == ("self_hosted", "registry.example.com:5000", "pull")
    assert new.name == "deploy at registry.example.com:5000"
    assert SECRET not in repr(new)


def test_a_secret_that_came_with_a_mistake_elsewhere_has_to_be_entered_again() -> None:
    slip, good = bound(hold="forever"), bound()
    own, none = bound(password=""), CredentialForm(provider=SELF_HOSTED)

    assert [name for name in slip.fields if slip.must_repeat(name)] == ["password"]
    assert "password" not in slip.errors, "it isn't wrong"
    assert good.must_repeat("password"), "beside another form that has a mistake"
    assert not own.must_repeat("password"), "it has an error of its own"
    assert not none.must_repeat("password"), "nothing was sent"


def test_after_a_paste_that_is_what_to_paste_again() -> None:
    login = f"docker login registry.example.com -u deploy -p {SECRET}"
    form = bound(host="", username="", password="", paste=login, hold="forever")

    assert [name for name in form.fields if form.must_repeat(name)] == ["paste"]


def test_a_name_that_is_given_is_not_made_up() -> None:
    typed = {"username": "deploy", "password": SECRET}

    form = CredentialForm(typed, provider=SELF_HOSTED, host="registry.example.com", name="for web")

    assert form.is_valid(), form.errors
    assert form.new_credential().name == "for web"


def test_a_paste_fills_the_form_of_a_page_and_the_one_beside_an_image() -> None:
    typed = {"paste": f"docker login -u deploy -p {SECRET} registry.example.com", "hold": "pull"}

    page = CredentialForm(typed, provider=SELF_HOSTED)
    beside = CredentialForm(typed, provider=SELF_HOSTED, host="registry.example.com")
    elsewhere = CredentialForm(typed, provider=SELF_HOSTED, host="other.example.com")

    assert page.is_valid(), page.errors
    assert page.new_credential().values == {"username": "deploy", "password": SECRET}
    assert beside.is_valid(), beside.errors
    assert beside.new_credential().values == page.new_credential().values
    assert "other.example.com" in str(elsewhere.errors["paste"])


@EVERY_KIND
def test_what_looks_like_a_slip_is_not_asked_about_where_it_is_tried_anyway(provider: Provider) -> None:
    typed = {declared.name: "x " for declared in provider.fields}
    lenient = replace(provider, checks=(), repair=None, fields=tuple(replace(f, choices=()) for f in provider.fields))

    form = CredentialForm(typed, provider=lenient, host="registry.example.com", asks_to_confirm=False)

    assert form.is_valid(), form.errors
    assert not form.has_suspicious_input


@pytest.mark.parametrize("paste", ["not a login", '{"auths": {"ghcr.io": {}}, "credsStore": "desktop"}'])
def test_a_paste_that_can_not_be_used_is_the_only_error(paste: str) -> None:
    """The fields that it would have filled are no mistakes; one that was filled wrongly is."""
    form = CredentialForm({"paste": paste, "hold": "pull"}, provider=SELF_HOSTED)
    assert list(form.errors) == ["paste"]
    values = {"paste": paste, "hold": "pull", "host": "https://", "username": "deploy"}
    wrong = CredentialForm(values, provider=SELF_HOSTED)
    assert set(wrong.errors) == {"paste", "host"}


@pytest.mark.parametrize(
    ("trial", "kept"),
    [
        (f"docker run -e TOKEN={SECRET} team/app:1.0", "team/app:1.0"),
        (f"REGISTRY=registry.example.com REGISTRY_PASSWORD={SECRET}", ""),
        (f"machine registry.example.com login alice password {SECRET}", ""),
        ("team/app:1.0", "team/app:1.0"),
    ],
)
def test_only_the_image_to_test_is_shown_again(trial: str, kept: str) -> None:
    """After an error in another field."""
    form = bound(trial=trial, username="")
    assert not form.is_valid()
    assert form["trial"].value() == kept
    assert ("trial" in form.errors) is (not kept)
    assert SECRET not in form.as_p()


def test_what_is_no_host_is_not_shown_again() -> None:
    form = bound(host=f"registry.example.com alice {SECRET}")
    assert "host" in form.errors
    assert SECRET not in form.as_p()


def test_a_user_name_with_a_password_behind_it_is_not_shown_again() -> None:
    form = bound(username=f"alice:{SECRET}")
    assert "username" in form.errors
    assert SECRET not in form.as_p()
