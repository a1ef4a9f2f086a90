"""Instances of a group, and the quotas of an organization."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from groups.api.schemas.base import Count, Id, Moment, Shape
from groups.rules.group_settings import MAX_DELETION_COST


class ContainerGroupInstance(Shape):
    """`machine_id` is all zeros while the instance is not assigned to a node."""

    id: Id
    machine_id: Id
    state: Literal["allocating", "downloading", "creating", "running", "stopping"]
    update_time: Moment
    version: int = Field(ge=1)
    deletion_cost: int = Field(0, ge=0, le=MAX_DELETION_COST)
    pulling_progress: float | None = Field(None, ge=0, le=100)
    ready: bool
    started: bool


class ContainerGroupInstanceCollection(Shape):
    instances: list[ContainerGroupInstance]


class ContainerGroupInstancePatch(Shape):
    model_config = ConfigDict(strict=True, extra="forbid")

    deletion_cost: int | None = Field(None, ge=0, le=MAX_DELETION_COST)


class ContainerGroupsQuotas(Shape):
    container_replicas_quota: Count
    container_replicas_used: Count


class Quotas(Shape):
    container_groups_quotas: ContainerGroupsQuotas
    create_time: Moment
    update_time: Moment
