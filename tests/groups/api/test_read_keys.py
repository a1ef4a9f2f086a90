"""What a key that only reads sees: no text that members write freely, in any response of the API.

By construction: the request that creates the group has a canary in every text of its schema that takes one, and every
GET of both APIs is called.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from salad_cloud_sdk.models import ContainerGroup as SdkContainerGroup

from groups.api.schemas.group import ContainerGroupPrototype
from groups.models import ContainerGroup, Layer
from portal.api import public, v1
from tests.portal.api.conftest import CONTAINERS
from tests.support.pulls import make_credential

pytestmark = pytest.mark.django_db

CANARY = "canary-5e1f"
SHOWN = {"name", "display_name", "image", "queue_name", "gpu_classes", "registry_authentication"}
"""Fields of a request that name something; read keys see them, or there is no text in them."""
FIXED: dict[str, Any] = {
    "name": "app",
    "display_name": "App",
    "image": "registry.example.com/team/app:1.0",
    "queue_name": "jobs",
    "gpu_classes": ["rtx4090"],
    "schedule": "0 8 * * 1-5",
    "cpu": 1,
    "memory": 1024,
    "country_codes": ["de"],
    "image_caching": True,
}


@cache
def filled(model: type[BaseModel]) -> dict[str, Any]:
    """A request with a value for each field, and the canary wherever a text is taken."""
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name == "registry_authentication":
            continue
        annotation = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        values[field.alias or name] = value_of(annotation, name)
    return values


def value_of(annotation: Any, name: str, whole: Any = None) -> Any:
    whole = whole or annotation
    if name in FIXED:
        return FIXED[name]
    bare = annotation
    while get_origin(bare) is Annotated:
        bare = get_args(bare)[0]
    if get_origin(bare) in (Union, types.UnionType):
        return value_of(next(part for part in get_args(bare) if part is not type(None)), name, whole)
    if get_origin(bare) is Literal:
        return get_args(bare)[0]
    if get_origin(bare) is list:
        return [value_of(get_args(bare)[0], name)]
    if get_origin(bare) is dict:
        return {"NAME": f"{CANARY}-{name}"}
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return filled(bare)
    if bare is bool:
        return True
    if bare is int:
        return next(number for number in (1, 20, 100, 1024, 2**31) if fits(whole, number))
    assert bare in (str, SecretStr), (name, bare)
    return f"{CANARY}-{name}"


def fits(annotation: Any, value: object) -> bool:
    try:
        TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        return False
    return True


def get_addresses() -> Iterator[str]:
    """Every GET of both APIs, as it is in their documents."""
    for root, api in (("/api/public", public), ("/api/v1", v1)):
        for path, operations in api.get_openapi_schema(path_prefix=root)["paths"].items():
            if "get" in operations:
                yield path


@pytest.fixture
def written(speaks: Any, project: Any) -> dict[str, str]:
    """One of each, with the canary in it. Returns what the addresses name."""
    writer = speaks()
    made = writer.post(CONTAINERS, filled(ContainerGroupPrototype))
    assert made.status_code == 201, made.content
    hook = {"address": f"https://hooks.example.com/x/{CANARY}-1?token={CANARY}", "events": ["group.failed"]}
    webhook = writer.post("/api/v1/organizations/acme/webhooks", hook)
    assert webhook.status_code == 201, webhook.content
    quay = {"name": "Quay", "provider": "quay", "host": "quay.io", "settings": {"robot": "acme+drayage"}}
    trust = writer.post("/api/v1/organizations/acme/trusts", quay)
    assert trust.status_code == 201, trust.content
    group = ContainerGroup.objects.get()
    Layer.objects.create(
        image=group.image, position=0, digest="sha256:" + "0" * 64, size=1,
        media_type="application/vnd.oci.image.layer.v1.tar", created_by=f"RUN curl -u me:{CANARY} x",
    )  # fmt: skip
    make_credential(project.organization, "registry.example.com", username=CANARY)
    instance = group.instances.create(state="running")
    return {
        "organization_name": "acme",
        "project_name": "default",
        "container_group_name": "app",
        "container_group_instance_id": str(instance.pk),
        "trust_id": trust.json()["id"],
        "webhook_id": webhook.json()["id"],
    }


def test_every_free_text_of_the_request_has_the_canary() -> None:
    asked = str(filled(ContainerGroupPrototype))

    for name in ("command", "environment_variables", "path", "service", "value", "host", "token", "user", "dataset"):
        assert f"{CANARY}-{name}" in asked


@pytest.mark.parametrize("address", list(get_addresses()))
def test_a_key_that_only_reads_sees_no_free_text(address: str, written: dict[str, str], speaks: Any) -> None:
    answer = speaks("read").get(address.format(**written))

    assert answer.status_code in (200, 202), answer.content
    assert CANARY not in answer.text


def test_a_key_that_writes_sees_what_it_needs_to_change(written: dict[str, str], speaks: Any) -> None:
    shown = speaks().get(f"{CONTAINERS}/app").text

    for name in ("command", "environment_variables", "path", "service"):
        assert f"{CANARY}-{name}" in shown
    for name in ("api_token", "token", "password", "ingestion_key", "api_key"):
        assert f"{CANARY}-{name}" not in shown


def test_masked_responses_have_the_shape_of_the_schema(written: dict[str, str], speaks: Any) -> None:
    shown = speaks("read").get(f"{CONTAINERS}/app").json()

    assert shown["container"]["command"] == ["********"]
    assert shown["container"]["environment_variables"] == {"NAME": "********"}
    assert shown["liveness_probe"]["exec"] == {"command": ["********"]}
    assert shown["liveness_probe"]["http"]["scheme"] == "http"
    assert shown["container"]["logging"]["http"]["format"] == "json"
    assert shown["queue_connection"] == {"path": "********", "port": 1, "queue_name": "jobs"}


def test_the_official_sdk_reads_masked_responses(written: dict[str, str], speaks: Any) -> None:
    shown = speaks("read").get(f"{CONTAINERS}/app").json()

    group = SdkContainerGroup._unmap(shown)

    assert group.container.command == ["********"]
    assert group.liveness_probe.http.headers[0].value == "********"
    assert group.container.logging.http.path == "********"
