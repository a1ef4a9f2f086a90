"""Schemas of `/api/v1`: checks, pulls, failures, receipts, deliveries."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from groups.api.schemas.authentication import ContainerRegistryAuthentication
from groups.api.schemas.base import Id, Moment, Shape
from groups.api.schemas.container import Image
from groups.rules.group_settings import MAX_PLATFORM_LENGTH


class CheckPrototype(Shape):
    """An image, and the credential for its registry."""

    image: Image
    registry_authentication: ContainerRegistryAuthentication | None = None
    platform: str | None = Field(
        None,
        max_length=MAX_PLATFORM_LENGTH,
        description="Such as `linux/arm64`; without it, the one that a container group would get now.",
    )


class Step(Shape):
    """A step of a pull or a check. `raw` is the status and code that the registry returned."""

    name: str
    label: str
    outcome: Literal["waiting", "running", "ok", "failed"]
    seconds: float | None = None
    detail: str = ""
    raw: str = ""


class Words(Shape):
    """A failure: what happened, and what to do. `service` is which of the registry's services failed and `host` the
    `host[:port]` that was asked; both are left out where none was."""

    code: str
    title: str
    text: str
    remedy: str
    service: Literal["registry", "sign_in", "storage"] | None = None
    host: str | None = None


class CheckResult(Shape):
    """What a check found. Sizes are in bytes, compressed."""

    status: Literal["queued", "running", "done", "failed"]
    image: str
    digest: str | None = None
    platform: str | None = None
    platforms: list[str] | None = Field(
        None, description="The image's platforms that nodes can run, the one for which most have room first."
    )
    size: int | None = None
    limit: int | None = None
    layers: int | None = None
    tags: list[str]
    public: bool = Field(description="Whether the image can be pulled without the credential that failed.")
    failure: Words | None = None


class CheckLine(Shape):
    """One line of the stream: a step that began or ended, or finally the result."""

    step: Step | None = None
    result: CheckResult | None = None


class PulledLayer(Shape):
    """`created_by` is the command of the image's build; it is masked for a key with the scope read."""

    digest: str
    size: int
    received: int
    stored: bool
    created_by: str


class Pull(Shape):
    """The pull of a group's image, or of the image that will replace it."""

    image: str
    status: Literal["queued", "pulling", "ready", "failed"]
    attempt: int
    next_attempt: Moment | None = None
    digest: str | None = None
    platform: str | None = Field(None, description="What the replicas run on; known with the digest.")
    size: int | None = None
    steps: list[Step]
    layers: list[PulledLayer]


class PullCollection(Shape):
    items: list[Pull]


class FailureRecord(Shape):
    """A pull that failed for good."""

    id: Id
    container_group: str
    image: str
    step: str
    failure: Words
    raw: str
    attempt: int
    create_time: Moment


class FailureCollection(Shape):
    items: list[FailureRecord]


class Receipt(Shape):
    """What happened to a credential. Its secrets no longer exist once it is destroyed."""

    id: Id
    name: str
    registry: str
    kind: str
    received: Moment
    used_count: int
    used_hosts: list[str]
    last_used: Moment | None = None
    kept_until: Moment
    destroyed: Moment | None = None
    destroyed_because: str | None = None


class ReceiptCollection(Shape):
    items: list[Receipt]


class Refusal(Shape):
    reason: str
    presented_by: str
    address: str | None = None
    time: Moment


class Delivery(Shape):
    """A node's one-time token, and what was sent for it. `repeated`: the node presented the token a second time within
    a minute, from the same address, and got the same session."""

    id: Id
    node: str
    digest: str
    issued: Moment
    redeemed: Moment | None = None
    redeemed_from: str | None = None
    repeated: Moment | None = None
    ended: Moment | None = None
    ended_because: str | None = None
    layers_sent: int
    bytes_sent: int
    refused: list[Refusal]


class DeliveryCollection(Shape):
    items: list[Delivery]
