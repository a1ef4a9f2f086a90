"""Pulling from Debian's docker-registry, into which skopeo pushed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from groups import jobs
from groups.models import ContainerGroup, Failure
from registries.failures import FAILURES
from tests.interop.docker_registry import DockerRegistry, write_layout
from tests.support.fakes.images import build_image, make_layer
from tests.support.pulls import decrypted, make_credential, make_group, stored_files

pytestmark = [pytest.mark.interop, pytest.mark.django_db(transaction=True)]


def pulled(project: Any, reference: str, registry: DockerRegistry, *, password: str = "") -> ContainerGroup:
    """A group after one attempt to pull `reference`."""
    credential = make_credential(
        project.organization, registry.host, username=registry.user, password=password or registry.password
    )
    group = make_group(project, reference, credential=credential)
    jobs.pull(str(group.image_id))
    return ContainerGroup.objects.select_related("image__credential").get(pk=group.pk)


@pytest.mark.usefixtures("blobs")
def test_byte_for_byte(docker_registry: DockerRegistry, project: Any, tmp_path: Path) -> None:
    layers = [
        make_layer({"noise": os.urandom(5_000_000)}),
        make_layer({"text": b"again and again " * 500_000}),
        make_layer({"small": b"!"}),
    ]
    image = build_image(layers)
    reference = docker_registry.push("team/app", "1.0", write_layout(tmp_path / "layout", image))

    group = pulled(project, reference, docker_registry)

    assert (group.status, group.image.digest) == ("stopped", image.digest)
    assert [decrypted(layer) for layer in group.image.layers.order_by("position")] == layers
    assert group.image.credential is not None
    assert group.image.credential.sealed is None


def test_docker_types(docker_registry: DockerRegistry, project: Any, blobs: Path, tmp_path: Path) -> None:
    image = build_image([b"schema 2"], docker_types=True)
    reference = docker_registry.push("team/docker", "1.0", write_layout(tmp_path / "layout", image))

    group = pulled(project, reference, docker_registry)

    assert (group.status, group.image.digest) == ("stopped", image.digest)
    assert len(stored_files(blobs)) == 1


@pytest.mark.parametrize(
    ("repository", "password", "step", "code"),
    [
        ("team/refused", "wrong", "authenticate", "authentication_failed"),
        ("team/absent", "", "manifest", "image_not_found"),
    ],
)
def test_what_it_refuses(
    docker_registry: DockerRegistry,
    project: Any,
    blobs: Path,
    repository: str,
    password: str,
    step: str,
    code: str,
) -> None:
    group = pulled(project, f"{docker_registry.host}/{repository}:1.0", docker_registry, password=password)

    failure = Failure.objects.get()
    assert (group.status, failure.step, failure.code) == ("failed", step, code)
    assert group.image.credential is not None
    assert group.image.credential.is_held == FAILURES[code].keeps_credential
    assert stored_files(blobs) == []
