"""A group that is deploying, another that runs, a node, and rows of instances as they are needed."""

from __future__ import annotations

from typing import Any

import pytest

from groups.models import ContainerGroup, Instance, Node
from tests.support.pulls import make_group

REFERENCE = "registry.example.com/team/app:1"


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    """Deploying, with three replicas and no instance yet."""
    group = make_group(project, REFERENCE, replicas=3)
    return put(group, status="deploying")


@pytest.fixture
def other(group: ContainerGroup, node: Node) -> ContainerGroup:
    """Another group of the project, which runs its one instance."""
    other = put(make_group(group.project, REFERENCE, name="other"), status="running")
    instance(other, "running", node)
    return other


@pytest.fixture
def node() -> Node:
    return Node.objects.create(name="node-7", public_key="k")


def put(group: ContainerGroup, **values: Any) -> ContainerGroup:
    ContainerGroup.objects.filter(pk=group.pk).update(**values)
    group.refresh_from_db()
    return group


def instance(group: ContainerGroup, state: str, node: Node | None = None, **values: Any) -> Instance:
    return Instance.objects.create(group=group, state=state, node=node, **values)


def states(group: ContainerGroup) -> list[str]:
    return sorted(group.instances.values_list("state", flat=True))
