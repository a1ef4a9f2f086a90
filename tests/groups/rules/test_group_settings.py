"""Form, model, API and actions agree on what a group may be."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pydantic import TypeAdapter
from pydantic import ValidationError as NotInSchema

from groups.actions import lifecycle
from groups.api.schemas.base import Name, Replicas
from groups.api.schemas.container import GpuClass, VariableName, Variables
from groups.api.schemas.instance import ContainerGroupInstancePatch
from groups.models import ContainerGroup, Instance
from groups.rules.group_settings import read_environment
from groups.web.forms import GroupForm, ScaleForm
from registries.foundation.actor import CONSOLE
from tests.support.pulls import make_group


@pytest.mark.django_db
@pytest.mark.parametrize(("replicas", "taken"), [(0, True), (500, True), (501, False), (-1, False)])
def test_replicas(project: Any, replicas: int, taken: bool) -> None:
    group = make_group(project, "registry.example.com/team/app:1.0")

    assert ScaleForm({"replicas": replicas}).is_valid() == taken
    assert _is_valid(Replicas, replicas) == taken
    assert _is_clean("replicas", replicas) == taken
    if taken:
        assert lifecycle.scale(group, replicas, by=CONSOLE).replicas == replicas
    else:
        with pytest.raises(ValueError, match="from 0 to 500"):
            lifecycle.scale(group, replicas, by=CONSOLE)


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("web", True),
        ("w" * 63, True),
        ("w" * 64, False),
        ("w", False),
        ("w1", True),
        ("1w", False),
        ("-w", False),
        ("Web", False),
        ("web-", False),
        ("web\n", False),
    ],
)
def test_names(name: str, taken: bool) -> None:
    assert _is_valid(Name, name) == taken
    assert _is_clean("name", name) == taken


@pytest.mark.parametrize(
    ("name", "taken"), [("PATH", True), ("_x1", True), ("1X", False), ("A-B", False), ("Ä", False)]
)
def test_names_of_variables(name: str, taken: bool) -> None:
    assert _is_valid(VariableName, name) == taken
    if taken:
        assert read_environment(f"{name}=1") == {name: "1"}
    else:
        with pytest.raises(ValidationError):
            read_environment(f"{name}=1")


@pytest.mark.parametrize(("field", "value", "taken"), [
    ("cpu", 0, False), ("cpu", 1, True), ("cpu", 16, True), ("cpu", 17, False),
    ("memory_mb", 127, False), ("memory_mb", 128, True), ("memory_mb", 61_440, True), ("memory_mb", 61_441, False),
    ("gpu", "", True), ("gpu", "g" * 100, True), ("gpu", "g" * 101, False),
])  # fmt: skip
def test_resources(field: str, value: object, taken: bool) -> None:
    group = GroupForm.base_fields[field]

    assert _is_clean(field, value) == taken
    assert _is_form_clean(group, value) == taken
    if field == "gpu" and value:
        assert _is_valid(GpuClass, value) == taken


@pytest.mark.parametrize(("field", "length", "taken"), [
    ("command", 8192, True), ("command", 8193, False),
    ("environment", 32_768, True), ("environment", 32_769, False),
    ("name", 63, True), ("name", 64, False),
    ("replicas", 500, True), ("replicas", 501, False), ("replicas", 0, False),
])  # fmt: skip
def test_limits_of_the_form(field: str, length: int, taken: bool) -> None:
    value = length if field == "replicas" else "x" * length

    assert _is_form_clean(GroupForm.base_fields[field], value) == taken


def test_a_deletion_cost() -> None:
    for cost, taken in ((0, True), (100_000, True), (100_001, False), (-1, False)):
        assert _is_valid(ContainerGroupInstancePatch, {"deletion_cost": cost}) == taken
        instance = Instance(deletion_cost=cost)
        try:
            instance.clean_fields(exclude={field.name for field in Instance._meta.fields} - {"deletion_cost"})
        except ValidationError:
            assert not taken
        else:
            assert taken


def test_a_hundred_variables() -> None:
    for count, taken in ((100, True), (101, False)):
        variables = {f"V{number}": "x" for number in range(count)}
        assert _is_valid(Variables, variables) == taken
        text = "\n".join(f"{name}={value}" for name, value in variables.items())
        if taken:
            assert read_environment(text) == variables
        else:
            with pytest.raises(ValidationError, match="at most 100 variables"):
                read_environment(text)


@pytest.mark.parametrize(("text", "read"), [
    ("", {}),
    ("A=1\r\nB=2\n", {"A": "1", "B": "2"}),
    ("# a comment\n  # another\n\n   \nA=1", {"A": "1"}),
    ("A=", {"A": ""}),
    ("A= 1 # no comment ", {"A": " 1 # no comment "}),
    ("A=b=c", {"A": "b=c"}),
    ("A=tab\there", {"A": "tab\there"}),
])  # fmt: skip
def test_lines_of_an_environment(text: str, read: dict[str, str]) -> None:
    assert read_environment(text) == read


@pytest.mark.parametrize(("text", "words"), [
    ("A=1\ncanary", "Line 2 has no = sign"),
    ("\n# x\nA canary=1", "Line 3: a name has letters"),
    (" A=canary", "Line 1: a name has letters"),
    ("=canary", "Line 1: a name has letters"),
    ("A=1\nB=2\nA=canary", "Line 3 sets A a second time"),
    ("A=canary\x01", "Line 1 holds a control character"),
    ("A=canary\x1f", "Line 1 holds a control character"),
    ("A=canary\x7f", "Line 1 holds a control character"),
    ("A=canary\rB=1", "Line 1 holds a control character"),
])  # fmt: skip
def test_a_line_that_can_not_be_read_is_named_without_its_value(text: str, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read_environment(text)

    assert words in refused.value.messages[0]
    assert "canary" not in refused.value.messages[0]


def test_the_address_of_a_page_is_no_name(acme: Any) -> None:
    for name, reserved in (("new", True), ("news", False)):
        form = GroupForm(data={"name": name}, organization_id=acme.pk)
        assert ("is the address of this page" in str(form.errors.get("name", ""))) == reserved


def _is_form_clean(field: Any, value: object) -> bool:
    try:
        field.clean(value)
    except ValidationError:
        return False
    return True


def _is_valid(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except NotInSchema:
        return False
    return True


def _is_clean(column: str, value: object) -> bool:
    try:
        ContainerGroup(**{column: value}).clean_fields(exclude=_all_but(column))
    except ValidationError:
        return False
    return True


def _all_but(column: str) -> set[str]:
    return {field.name for field in ContainerGroup._meta.fields} - {column}
