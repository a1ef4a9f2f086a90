"""A container group: to create, to change, and in responses."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from groups.api.schemas.base import Count, DisplayName, Id, Moment, Name, Replicas, Shape
from groups.api.schemas.container import Container, CreateContainer, Priority, UpdateContainer
from groups.api.schemas.countries import CountryCode
from groups.api.schemas.networking import (
    ContainerGroupNetworking,
    CreateContainerGroupNetworking,
    UpdateContainerGroupNetworking,
)
from groups.api.schemas.probes import (
    ContainerGroupLivenessProbe,
    ContainerGroupReadinessProbe,
    ContainerGroupStartupProbe,
)
from groups.api.schemas.scaling import (
    ContainerGroupQueueAutoscaler,
    ContainerGroupQueueConnection,
    ContainerGroupScalingAction,
)

RestartPolicy = Literal["always", "on_failure", "never"]
Status = Literal["pending", "running", "stopped", "succeeded", "failed", "deploying"]


class _Probed(Shape):
    liveness_probe: ContainerGroupLivenessProbe | None = None
    readiness_probe: ContainerGroupReadinessProbe | None = None
    startup_probe: ContainerGroupStartupProbe | None = None
    queue_autoscaler: ContainerGroupQueueAutoscaler | None = None


class ContainerGroupPrototype(_Probed):
    name: Name
    container: CreateContainer
    autostart_policy: bool
    replicas: Replicas
    restart_policy: RestartPolicy
    display_name: DisplayName | None = None
    country_codes: list[CountryCode] | None = Field(None, max_length=500)
    networking: CreateContainerGroupNetworking | None = None
    queue_connection: ContainerGroupQueueConnection | None = None
    scaling_actions: list[ContainerGroupScalingAction] | None = Field(None, max_length=100, alias="scaling-actions")
    scheduled_scaling_enabled: bool | None = Field(None, alias="scheduled-scaling-enabled")


class ContainerGroupPatch(_Probed):
    """Fields that are present change; the others keep their values."""

    container: UpdateContainer | None = None
    replicas: Replicas | None = None
    display_name: DisplayName | None = None
    country_codes: list[CountryCode] | None = Field(None, max_length=500)
    networking: UpdateContainerGroupNetworking | None = None
    scaling_actions: list[ContainerGroupScalingAction] | None = Field(None, max_length=100, alias="scaling-actions")
    scheduled_scaling_enabled: bool | None = Field(None, alias="scheduled-scaling-enabled")


class ContainerGroupInstanceStatusCount(Shape):
    """The number of instances in each state. Downloading instances count as creating."""

    allocating_count: Count
    creating_count: Count
    running_count: Count
    stopping_count: Count


class ContainerGroupState(Shape):
    """For a failed group, `description` is `<code>: <text>`. Otherwise it says what happens next, and which settings
    are stored but ignored by nodes."""

    status: Status
    description: str | None = Field(None, max_length=1000)
    start_time: Moment
    finish_time: Moment
    instance_status_counts: ContainerGroupInstanceStatusCount


class ContainerGroup(_Probed):
    id: Id
    name: str
    display_name: str
    organization_name: str
    project_name: str
    container: Container
    autostart_policy: bool
    replicas: Replicas
    restart_policy: RestartPolicy
    priority: Priority | None
    country_codes: list[CountryCode]
    current_state: ContainerGroupState
    pending_change: bool = Field(description="Whether a new image is being pulled for this group.")
    version: int = Field(ge=1)
    create_time: Moment
    update_time: Moment
    networking: ContainerGroupNetworking | None = None
    queue_connection: ContainerGroupQueueConnection | None = None
    scaling_actions: list[ContainerGroupScalingAction] = Field(alias="scaling-actions")
    scheduled_scaling_enabled: bool = Field(alias="scheduled-scaling-enabled")


class ContainerGroupCollection(Shape):
    items: list[ContainerGroup]
