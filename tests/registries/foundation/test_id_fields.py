"""Each type of id is that of one model's primary key. The database and migrations know only Django's own fields."""

from __future__ import annotations

from typing import NewType, get_type_hints

import pytest
from django.apps import apps
from django.db.models import Field

from registries.foundation import id_fields, ids

FIELDS: list[type[Field[object, object]]] = [
    field for name, field in vars(id_fields).items() if name.endswith("IdField")
]


def test_each_type_of_id_has_a_field() -> None:
    types = {name for name, value in vars(ids).items() if isinstance(value, NewType)}

    assert types
    assert {f"{name}Field" for name in types} == {field.__name__ for field in FIELDS}


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_is_one_models_primary_key_and_holds_its_own_type(field: type[Field[object, object]]) -> None:
    types = get_type_hints(field)
    own = getattr(ids, field.__name__.removesuffix("Field"))

    assert len([model for model in apps.get_models() if type(model._meta.pk) is field]) == 1
    assert types["_pyi_private_set_type"] is types["_pyi_private_get_type"] is own
    assert types["_pyi_lookup_exact_type"] == own | str


@pytest.mark.parametrize("field", FIELDS)
def test_migrations_name_the_field_of_django(field: type[Field[object, object]]) -> None:
    assert field(primary_key=True).deconstruct()[1] in ("django.db.models.BigAutoField", "django.db.models.UUIDField")
