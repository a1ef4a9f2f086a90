"""Secrets in the wrong place of a request: refused with a code and a field, repeated and stored nowhere."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from groups.api.schemas.group import ContainerGroupPrototype
from groups.models import ContainerGroup, Image
from portal.models import ActivityText
from registries.models import Credential
from tests.groups.api.test_read_keys import filled
from tests.portal.api.conftest import CONTAINERS, a_group

pytestmark = pytest.mark.django_db

TOKEN = "glpat-" + "CANARY7f3aCANARY7f3a"
SECRET = "canary-5e1f-secret"  # pragma: allowlist secret
IMAGE = "registry.example.com/team/app"


def basic(**values: str) -> dict[str, Any]:
    return {"registry_authentication": {"basic": {"username": "deploy", "password": SECRET} | values}}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"container": {"image": f"{IMAGE}:{TOKEN}"}}, "container.image"),
        ({"container": {"image": f"deploy:{TOKEN}@{IMAGE}"}}, "container.image"),
        ({"container": {"command": ["serve", "--password", SECRET]}}, "container.command"),
        ({"container": {"command": ["sh", "-c", f"curl -H 'Authorization: Bearer {SECRET}' x"]}}, "container.command"),
        ({"container": basic(username=TOKEN)}, "container.registry_authentication.basic.username"),
        ({"container": {"resources": {"cpu": 1, "memory": 1024, "gpu_classes": [TOKEN]}}},
         "container.resources.gpu_classes.0"),
        ({"display_name": TOKEN}, "display_name"),
    ],
)  # fmt: skip
def test_a_secret_is_refused_where_it_would_be_shown(speaks: Any, values: dict[str, Any], field: str) -> None:
    answer = speaks().post(CONTAINERS, a_group(**values))

    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["field"]) == ("looks_like_secret", field)
    assert TOKEN not in answer.text
    assert SECRET not in answer.text
    assert not ContainerGroup.objects.exists()


def test_a_change_is_checked_too(speaks: Any) -> None:
    speaker = speaks()
    speaker.post(CONTAINERS, a_group())

    answer = speaker.patch(f"{CONTAINERS}/app", {"container": {"command": ["serve", f"--password={SECRET}"]}})

    assert answer.json()["code"] == "looks_like_secret"
    assert speaker.patch(f"{CONTAINERS}/app", {"container": {"command": None}}).status_code == 200


@pytest.mark.parametrize(
    "values",
    [
        {"username": f"docker login registry.example.com -u deploy -p {SECRET}"},
        {"password": f"docker login registry.example.com -u deploy -p {SECRET}"},
    ],
)
def test_a_whole_login_is_no_user_name_and_no_password(speaks: Any, values: dict[str, str]) -> None:
    answer = speaks().post(CONTAINERS, a_group(container=basic(**values)))

    assert answer.status_code == 400
    assert answer.json()["field"].startswith("container.registry_authentication.basic")
    assert SECRET not in answer.text
    assert not Credential.objects.exists()


@pytest.mark.parametrize(
    "container",
    [
        {"command": ["serve", "--password", "$PASSWORD", "--model", "meta-llama/Meta-Llama-3.1-8B-Instruct"]},
        {"command": ["sh", "-c", "echo aGVsbG8gd29ybGQ= | base64 -d"], "environment_variables": {"TOKEN": TOKEN}},
        {"image": f"{IMAGE}@sha256:{'0123456789abcdef' * 4}"},
        basic(username="robot$team+builder"),
    ],
)
def test_what_is_no_secret_passes(speaks: Any, container: dict[str, Any]) -> None:
    assert speaks().post(CONTAINERS, a_group(container=container)).status_code == 201


def texts(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """The paths of all texts in a JSON value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from texts(member, *path, name)
    if isinstance(value, str):
        yield path


def test_a_token_in_any_text_is_refused_or_stored_encrypted(speaks: Any) -> None:
    speaker = speaks()
    whole = filled(ContainerGroupPrototype)
    paths = list(texts(whole))
    assert len(paths) > 40

    for path in paths:
        body = copy.deepcopy(whole)
        place: Any = body
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = TOKEN
        with transaction.atomic():
            answer = speaker.post(CONTAINERS, body)
            assert answer.status_code in (201, 400), (path, answer.content)
            stored = [*ContainerGroup.objects.values(), *Image.objects.values(), *ActivityText.objects.values()]
            assert TOKEN not in str(stored), path
            assert answer.status_code == 201 or TOKEN not in answer.text
            transaction.set_rollback(True)
