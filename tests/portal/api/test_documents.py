"""The OpenAPI documents and the page that lists them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from portal.api import public, v1
from portal.api.description import document

APIS = {"public": public, "v1": v1}


@pytest.mark.parametrize("name", APIS)
def test_a_document_is_served_to_everybody(name: str, db: None) -> None:
    answer = Client().get(f"/api/{name}/openapi.json")

    assert answer.status_code == 200
    assert answer.json()["paths"] == document(APIS[name])["paths"]
    assert answer["X-Request-Id"]


def _models(api: Any) -> dict[str, set[Any]]:
    """Every schema class that an API uses, by name."""
    found: dict[str, set[Any]] = {}

    def walk(kind: Any) -> None:
        if hasattr(kind, "model_fields"):
            if kind in found.setdefault(kind.__name__, set()):
                return
            found[kind.__name__].add(kind)
            for each in kind.model_fields.values():
                walk(each.annotation)
        for each in getattr(kind, "__args__", ()):
            walk(each)

    for _, router in api._routers:
        for view in router.path_operations.values():
            for operation in view.operations:
                for model in [*operation.models, *operation.response_models.values()]:
                    for each in getattr(model, "model_fields", {}).values():
                        walk(each.annotation)
    return found


@pytest.mark.parametrize("name", APIS)
def test_no_two_schemas_share_a_name(name: str) -> None:
    found = {
        each: kinds
        for each, kinds in _models(APIS[name]).items()
        if any(kind.__module__.startswith("groups.api") for kind in kinds)
    }

    assert len(found) > 10
    assert [each for each, kinds in found.items() if len(kinds) > 1] == []
    assert set(found) <= set(document(APIS[name])["components"]["schemas"])


def test_the_page_lists_every_call(db: None) -> None:
    page = Client().get("/api/docs")

    assert page.status_code == 200
    for api in APIS.values():
        for operations in document(api)["paths"].values():
            for operation in operations.values():
                assert f'id="{operation["operationId"]}"' in page.text
    assert "script-src 'self'" in page["Content-Security-Policy"]


def test_every_name_of_saladclouds_description_is_here(db: None) -> None:
    import salad_cloud_sdk.services.container_groups as sdk

    named = {each for each in dir(sdk.ContainerGroupsService) if "container_group" in each}
    ours = {operation["operationId"] for ops in document(public)["paths"].values() for operation in ops.values()}

    assert named <= ours
