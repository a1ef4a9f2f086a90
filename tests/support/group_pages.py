"""A group and its failure as pages show them: fixtures, and how pages are addressed and read."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from groups.models import ContainerGroup, Failure
from registries.credential_rows import empty_credential
from tests.support.pulls import make_credential, make_group

HOST = "registry.example.com"
IMAGE = f"{HOST}/team/app:1.0"
LIST = "/o/acme/default/groups/"
NEW = f"{LIST}new/"
TOKEN = "ghp_" + "CANARY7f3aCANARY7f3a" + "CANARY7f3aCANARY"
ACTIONS = ("start", "stop", "retry", "delete")
FILLED_IN = {
    "image": IMAGE,
    "credential": "",
    "name": "web",
    "replicas": "2",
    "cpu": "1",
    "memory_mb": "1024",
    "restart_policy": "always",
    "environment": "TOKEN=canary-environment",
    "command": "serve --port 80",
}
"""The form of a new group."""


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    """A pending group with a credential and an environment."""
    credential = make_credential(project.organization, HOST)
    return make_group(
        project, IMAGE, credential=credential, name="web", environment={"TOKEN": "canary-environment"}, replicas=2
    )


def at(group: ContainerGroup, page: str, *more: Any) -> str:
    return reverse(f"groups:{page}", args=["acme", "default", group.name, *more])


def put(group: ContainerGroup, status: str) -> None:
    ContainerGroup.objects.filter(pk=group.pk).update(status=status)
    group.refresh_from_db()


@pytest.fixture
def failure(group: ContainerGroup) -> Failure:
    """The group's pull, refused at sign-in."""
    put(group, "failed")
    assert group.image.credential_id is not None
    empty_credential(group.image.credential_id, reason="settled")
    return Failure.objects.create(
        organization_id=group.organization_id,
        group=group,
        group_name=group.name,
        reference=IMAGE,
        registry=HOST,
        provider="self_hosted",
        step="authenticate",
        code="authentication_failed",
        params={"host": HOST},
        raw="401 UNAUTHORIZED",
        trace=[{"name": "resolve", "outcome": "ok"}, {"name": "authenticate", "outcome": "failed"}],
    )


def text_of(response: Any) -> str:
    """The page's words as people read them."""
    words = re.sub(r"<script.*?</script>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", words)
