"""Reading an image as it was sent, and the hosts that no door takes."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from groups.models import ContainerGroup, Image, ImageCheck
from groups.rules.image_reference import read_reference
from registries.oci.reference import ReferenceInvalid
from tests.groups.api.conftest import _own_counter, speaks
from tests.portal.api.conftest import CONTAINERS, a_group

__all__ = ["_own_counter", "speaks"]
INSIDE = ["10.0.0.7/team/app:1", "192.168.1.1:5000/team/app:1", "169.254.169.254/team/app:1", "localhost:5000/app:1"]


@pytest.mark.parametrize(("text", "read"), [
    ("registry.example.com/team/app:1", "registry.example.com/team/app:1"),
    ("docker pull ghcr.io/team/app:1", "ghcr.io/team/app:1"),
    ("https://registry.example.com/team/app:1", "registry.example.com/team/app:1"),
    ("nginx", "docker.io/library/nginx:latest"),
])  # fmt: skip
def test_what_is_read(text: str, read: str) -> None:
    assert str(read_reference(text)) == read


@pytest.mark.parametrize("text", INSIDE)
def test_a_host_that_is_inside(settings: Any, text: str) -> None:
    settings.PORTAL_REGISTRY_ALLOW_NETWORKS = []

    for given in (text, f"docker pull {text}", f"https://{text}"):
        with pytest.raises(ReferenceInvalid) as refused:
            read_reference(given)
        assert refused.value.code == "host_not_allowed"


def test_no_door_takes_it(member: Client, project: Any, speaks: Any, settings: Any, no_redis: None) -> None:
    settings.PORTAL_REGISTRY_ALLOW_NETWORKS = []
    typed = {"image": INSIDE[0], "name": "app", "replicas": "1", "cpu": "1", "memory_mb": "512"}
    typed |= {"restart_policy": "always", "credential": ""}
    program = speaks()

    page = member.post("/o/acme/default/groups/new/", typed)
    checked = member.post("/o/acme/default/groups/new/check/", typed)
    made = program.post(CONTAINERS, a_group(container={"image": INSIDE[0]}))
    check = program.post("/api/v1/organizations/acme/checks", {"image": INSIDE[0]})

    for answer in (page, checked, made, check):
        assert "may not connect to this host" in answer.content.decode()
    assert (page.status_code, made.status_code, made.json()["field"], check.status_code, check.json()["field"]) == (
        422, 400, "container.image", 400, "image",
    )  # fmt: skip
    assert not ContainerGroup.objects.exists()
    assert not Image.objects.exists()
    assert not ImageCheck.objects.exists()
