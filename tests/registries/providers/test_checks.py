"""What is checked before anything is sent, whatever the registry."""

from __future__ import annotations

import traceback
from collections.abc import Mapping

import pytest

from registries.failures import CredentialMalformed
from registries.providers import PROVIDERS, Field, Provider
from registries.providers.checks import Unusable, check_shape
from tests.support.registry_simulations import CANARY, Pretence

OWN = PROVIDERS["self_hosted"]
HOST = "registry.example"

PRIVATE = [provider for provider in PROVIDERS.values() if not provider.is_public]
each_provider = pytest.mark.parametrize("provider", PRIVATE, ids=lambda provider: provider.kind)


def refused(provider: Provider, host: str, values: Mapping[str, str]) -> CredentialMalformed:
    """The failure of values that can't work, which repeats none of them."""
    with pytest.raises(CredentialMalformed) as raised:
        provider.check(values, host)
    failure = raised.value
    assert failure.__context__ is None
    shown = "".join(traceback.format_exception(failure)) + str(vars(failure))
    assert not [text for text in values.values() if len(text) > 3 and text in shown.replace(host, "")]
    assert CANARY not in shown
    assert not str(failure.params["reason"]).endswith("…"), "a reason is cut at 80 characters"
    return failure


@each_provider
def test_each_field_is_needed_unless_it_is_optional(provider: Provider, pretences: Mapping[str, Pretence]) -> None:
    pretence = pretences[provider.kind]
    for field in provider.fields:
        for nothing in ("", "  "):
            values = {**pretence.values, field.name: nothing}
            if field.optional and not nothing:
                provider.check(values, pretence.host)
            else:
                assert refused(provider, pretence.host, values).params["field"] == field.name


@each_provider
@pytest.mark.parametrize("sign", ["\r", "\n", "\0", "\x1b", "\x7f", "\x85", "\ud800"])
def test_control_characters(provider: Provider, sign: str, pretences: Mapping[str, Pretence]) -> None:
    pretence = pretences[provider.kind]
    for field in provider.fields:
        if field.multiline and sign in "\r\n":
            continue
        text = pretence.values.get(field.name, "x")
        refused(provider, pretence.host, {**pretence.values, field.name: f"{text[:5]}{sign}{text[5:]}"})


@each_provider
def test_too_long(provider: Provider, pretences: Mapping[str, Pretence]) -> None:
    pretence = pretences[provider.kind]
    for field in provider.fields:
        refused(provider, pretence.host, {**pretence.values, field.name: "x" * (field.limit + 1)})
        refused(provider, pretence.host, {**pretence.values, field.name: "é" * (field.limit // 2 + 1)})


def test_a_limit_is_in_bytes() -> None:
    field = Field(name="x", label="X", help="")
    for fits, too_long in (("x" * 8192, "x" * 8193), ("é" * 4096, "é" * 4096 + "x")):
        check_shape([field], {"x": fits})
        with pytest.raises(Unusable) as raised:
            check_shape([field], {"x": too_long})
        assert raised.value.field == "x"


def test_a_colon_in_the_user_name() -> None:
    failure = refused(OWN, HOST, {"username": "ali:ce", "password": CANARY})
    assert failure.params["field"] == "username"
    assert "colon" in str(failure.params["reason"])


def test_blanks_at_the_ends_are_named_and_kept() -> None:
    values = {"username": "alice", "password": f" {CANARY}\u00a0"}
    assert OWN.check(values, HOST) == values
    assert OWN.login(values, HOST).secret == values["password"]
    (notice,) = OWN.warnings(values)
    assert notice.field == "password"
    assert "blank at the beginning" in notice.text
    assert CANARY not in notice.text
    (notice,) = OWN.warnings({"username": "alice ", "password": CANARY})
    assert notice.field == "username"
    assert "blank at the end" in notice.text


def test_invisible_characters_are_named() -> None:
    (notice,) = OWN.warnings({"username": "alice", "password": f"{CANARY}\u200b"})
    assert "invisible" in notice.text


def test_other_scripts_are_fine() -> None:
    values = {"username": "ålice", "password": "密碼 und: påss"}
    assert OWN.login(values, HOST).secret == "密碼 und: påss"
    assert OWN.warnings(values) == ()


def test_unknown_values_are_left_out() -> None:
    values = {"username": "alice", "password": CANARY, "organization": "other"}
    assert set(OWN.check(values, HOST)) == {"username", "password"}


def test_only_what_is_offered_can_be_chosen() -> None:
    field = Field(name="kind", label="Kind", help="", choices=(("a", "A"), ("b", "B")))
    check_shape([field], {"kind": "b"})
    with pytest.raises(Unusable) as raised:
        check_shape([field], {"kind": "c"})
    assert raised.value.field == "kind"
