"""What an address of the API names."""

from __future__ import annotations

from typing import Any

import pytest

from groups.api.lookup import find_group
from registries.foundation.refusal import Refusal
from registries.foundation.requests import ApiRequest
from tests.support.pulls import make_group

IMAGE = "registry.example.com/team/app:1.0"

pytestmark = pytest.mark.django_db


def test_a_name_with_a_nul_names_nothing(project: Any) -> None:
    group, request = make_group(project, IMAGE, name="web"), ApiRequest()
    request.organization = project.organization

    assert find_group(request, "default", "web") == group
    for place in (("default", "w\0eb"), ("default", "web\0"), ("\0", "web")):
        with pytest.raises(Refusal) as refused:
            find_group(request, *place)
        assert refused.value.status == 404
