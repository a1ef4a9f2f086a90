"""Form, model, API and actions agree on what a group may be."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pydantic import TypeAdapter
from pydantic import ValidationError as NotInSchema

from groups.actions import lifecycle
from groups.api.schemas.base import Name, Replicas
from groups.api.schemas.container import VariableName
from groups.models import ContainerGroup
from groups.rules.group_settings import read_environment
from groups.web.forms import ScaleForm
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
