"""What a group's page shows of its live part, fetched in a fixed number of queries, and a cheap mark of its version.

The mark is made of aggregates, so that a page that watches a group where nothing moves costs no rendering.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.db.models import Count, Max, Sum
from django.db.models.functions import Length
from django.utils import timezone

from groups import story
from groups.models import ContainerGroup, Failure, Image, Instance, Layer, LayerDelivery, NodeToken, Redemption
from groups.story import Progress, Step

Status = ContainerGroup.Status
SHOWN = 50
FAST, SLOW = 2, 10
_REFUSED = {
    "unknown": "No such token.",
    "other_node": "Another node presented it.",
    "replayed": "It had been used already.",
    "expired": "Its time was over.",
    "revoked": "It had been revoked.",
    "layer_again": "The layer had been sent whole before.",
    "not_listed": "It asked for something that is not of this image.",
}
_ENDED = {
    "delivered": "Delivered",
    "reissued": "Replaced by a new token",
    "given back": "The node gave the instance back",
    "stopped": "The group was stopped",
    "revoked": "Revoked",
}


@dataclass(frozen=True)
class Delivery:
    """One token of a node and what was sent for it. Bytes; `layers` counts whole bodies."""

    token: NodeToken
    layers: int
    sent: int
    ended: str


@dataclass(frozen=True)
class Refusal:
    """A presentation of a token that got nothing."""

    at: datetime
    node: str
    address: str | None
    why: str


class GroupPage:
    """The rows behind one group's page, each kind fetched once and only where the template asks."""

    def __init__(self, group: ContainerGroup) -> None:
        self.group = group
        self.image: Image = group.image
        self.now = timezone.now()

    @cached_property
    def steps(self) -> list[Step]:
        """Steps of the last attempt."""
        return story.steps(self.image.steps.filter(attempt=self.image.attempt).order_by("id"))

    @cached_property
    def current(self) -> Step | None:
        """The step that goes on, or that came last."""
        begun = [step for step in self.steps if step.started_at]
        return next((step for step in begun if step.outcome == "running"), begun[-1] if begun else None)

    @cached_property
    def layers(self) -> list[Layer]:
        """Layers in their order."""
        return list(self.image.layers.order_by("position"))

    @cached_property
    def progress(self) -> Progress | None:
        """How far the layers have come; None unless they are being pulled."""
        if self.image.status != Image.Status.PULLING:
            return None
        of_layers = next((step for step in self.steps if step.name == "layers"), None)
        return story.progress(self.layers, of_layers, self.now)

    @cached_property
    def instances(self) -> list[Instance]:
        """Instances with their nodes, oldest first."""
        return list(self.group.instances.select_related("node").order_by("created_at", "id"))

    @cached_property
    def failures(self) -> list[Failure]:
        """The latest failures, newest first."""
        return list(self.group.failures.order_by("-created_at")[:SHOWN])

    @cached_property
    def deliveries(self) -> list[Delivery]:
        """The latest tokens, newest first, with what was sent."""
        tokens = self.group.tokens.annotate(
            layers=Sum("layer_deliveries__sent_whole"), sent=Sum("layer_deliveries__sent_bytes")
        ).order_by("-issued_at")[:SHOWN]
        return [
            Delivery(token, token.layers or 0, token.sent or 0, _ENDED.get(token.ended_because, token.ended_because))
            for token in tokens
        ]

    @cached_property
    def refusals(self) -> list[Refusal]:
        """The latest refused presentations of this group's tokens. The node is named where it is the token's own."""
        rows = Redemption.objects.filter(token__group=self.group, outcome=Redemption.Outcome.REFUSED)
        return [
            Refusal(
                row.created_at,
                row.token.node_name if row.token and row.presented_by == str(row.token.node_id) else "",
                row.address,
                _REFUSED.get(row.reason, "It was refused."),
            )
            for row in rows.select_related("token").order_by("-created_at")[:SHOWN]
        ]

    @cached_property
    def sentence(self) -> str:
        """What the state means now."""
        return story.sentence(
            self.group,
            instances=Counter(instance.state for instance in self.instances),
            current=self.current,
            came=self.progress,
            failure=self.failures[0] if self.group.status == Status.FAILED and self.failures else None,
            now=self.now,
        )

    @cached_property
    def running(self) -> int:
        """How many instances run."""
        return sum(instance.state == Instance.State.RUNNING for instance in self.instances)

    @cached_property
    def every(self) -> int | None:
        """Seconds until the page asks again; None once nothing moves by itself."""
        if self.group.status in (Status.PENDING, Status.DEPLOYING):
            return FAST
        if any(instance.state == Instance.State.STOPPING for instance in self.instances):
            return FAST
        return SLOW if self.group.status == Status.RUNNING else None

    @property
    def may_start(self) -> bool:
        """Whether starting fits the state."""
        return self.group.status in (Status.STOPPED, Status.SUCCEEDED)

    @property
    def may_stop(self) -> bool:
        """Whether stopping fits the state."""
        return self.group.status in (Status.DEPLOYING, Status.RUNNING)


def version(group: ContainerGroup, *, seen_by: str) -> str:
    """Return a mark that changes whenever the live part of the group's page would, for this role."""
    image = group.image
    waits = image.status == Image.Status.QUEUED and image.not_before is not None
    parts = [
        seen_by,
        group.status,
        group.changed_at,
        image.pk,
        image.status,
        image.attempt,
        image.credential and (image.credential.destroyed_at, image.credential.used_count),
        # The sentence counts down, in strides that people don't mind.
        int(timezone.now().timestamp()) // FAST if waits else 0,
        image.layers.aggregate(Sum("received"), Count("committed_at")),
        image.steps.aggregate(Max("id"), Count("finished_at")),
        group.instances.aggregate(
            Count("id"), Max("changed_at"), Sum("progress"), Sum(Length("message")), Count("node")
        ),
        group.failures.aggregate(Count("id")),
        group.tokens.aggregate(
            Count("id"), Count("redeemed_at"), Count("manifest_sent_at"), Count("ended_at"), Max("issued_at")
        ),
        LayerDelivery.objects.filter(token__group=group).aggregate(Max("last_at"), Sum("sent_bytes")),
        Redemption.objects.filter(token__group=group).aggregate(Max("id")),
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
