"""How far a group is, written by hand: its pull, its instances, its failure and its tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.models import ContainerGroup, Failure, Image, Instance, Layer, Node, NodeToken, PullStep
from tests.support.pulls import make_credential, make_group

HOST = "registry.example.com"
MB = 1_000_000


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    """A pending group with a credential and three replicas."""
    credential = make_credential(project.organization, HOST)
    return make_group(project, f"{HOST}/team/app:1.0", credential=credential, replicas=3)


def fresh(group: ContainerGroup) -> ContainerGroup:
    return ContainerGroup.objects.select_related("image__credential").get(pk=group.pk)


def pulling(group: ContainerGroup, *steps: str, attempt: int = 1, at: datetime | None = None) -> None:
    """Put the pull into the last of `steps`, which all began `at` then, or now."""
    at = at or timezone.now()
    Image.objects.filter(pk=group.image_id).update(status="pulling", attempt=attempt)
    for name in steps:
        done = name != steps[-1]
        PullStep.objects.create(
            image=group.image,
            attempt=attempt,
            name=name,
            outcome="ok" if done else "running",
            started_at=at,
            finished_at=at if done else None,
        )


def add_layers(group: ContainerGroup, *rows: tuple[int, int], at: datetime | None = None) -> None:
    """Layers as (size, received) in bytes; those that are whole are committed `at` then, or now."""
    for position, (size, received) in enumerate(rows):
        Layer.objects.create(
            image=group.image,
            position=position,
            media_type="layer",
            digest=f"sha256:{position:064x}",
            size=size,
            received=received,
            committed_at=(at or timezone.now()) if size == received else None,
        )


def at_state(group: ContainerGroup, *states: str, node: Node | None = None) -> None:
    for state in states:
        Instance.objects.create(group=group, state=state, node=node)


def failed(group: ContainerGroup, **values: Any) -> Failure:
    ContainerGroup.objects.filter(pk=group.pk).update(status="failed")
    # By a clock that counts microseconds, so that the order of failures is the order in which they were made.
    row: dict[str, Any] = {
        "step": "authenticate",
        "code": "authentication_failed",
        "params": {"host": HOST},
        "created_at": timezone.now(),
    }
    return Failure.objects.create(
        organization_id=group.organization_id,
        group=group,
        group_name=group.name,
        reference=group.image.reference,
        registry=HOST,
        **row | values,
    )


def make_token(group: ContainerGroup, node: Node, number: int = 0) -> NodeToken:
    return NodeToken.objects.create(
        token_hash=f"{number:064x}",
        organization_id=group.organization_id,
        group=group,
        group_name=group.name,
        image=group.image,
        node=node,
        node_name=node.name,
        manifest_digest=f"sha256:{'a' * 64}",
        issued_at=timezone.now(),  # in microseconds, like failures
        expires_at=timezone.now() + timedelta(minutes=5),
    )
