"""Scaling by queue length or by schedule. It is stored and returned; nothing scales automatically yet."""

from __future__ import annotations

from pydantic import Field

from groups.api.schemas.base import LINE, Name, Port, Replicas, Shape
from groups.rules.group_settings import MAX_REPLICAS


class ContainerGroupQueueAutoscaler(Shape):
    desired_queue_length: int = Field(ge=1, le=100)
    max_replicas: int = Field(ge=1, le=MAX_REPLICAS)
    min_replicas: int = Field(ge=0, le=100)
    max_downscale_per_minute: int | None = Field(None, ge=1, le=100)
    max_upscale_per_minute: int | None = Field(None, ge=1, le=100)
    polling_period: int | None = Field(None, ge=15, le=1800)


class ContainerGroupQueueConnection(Shape):
    path: str = Field(min_length=1, max_length=1024, pattern=LINE)
    port: Port
    queue_name: Name


class ContainerGroupScalingAction(Shape):
    replicas: Replicas
    schedule: str = Field(max_length=200, pattern=r"^([0-9A-Za-z*/,-]+)([\t ]+[0-9A-Za-z*/,-]+){4}$")
