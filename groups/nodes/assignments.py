"""Giving a node what it is to start: the image by digest, a one-time token, command, environment and limits.

An instance is handed over when its manifest for this node is made and no usable token for it is out. A node that
doesn't list a download which it was given hasn't heard of it: that token is revoked and another one minted.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from django.conf import settings
from django.core.cache import caches
from django.db.models.functions import Now

from groups.delivery import tokens
from groups.delivery.tokens import EndReason
from groups.models import ContainerGroup, Instance, Node, NodeManifest, NodeToken
from groups.rules.sealed_settings import open_environment
from groups.rules.states import Stale, move
from groups.rules.wakeups import wake_prepare
from registries.secrets.at_rest import AtRestBroken

State = Instance.State
ON_THE_WAY = (State.ALLOCATING, State.DOWNLOADING)
MAX_TOKENS_AN_HOUR = 20
PREPARED_WITHIN = timedelta(seconds=10)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Start:
    """One instance that the node is to fetch and run. Times are ISO 8601, `size` is the image's bytes in all."""

    instance: str
    image: str
    size: int
    token: str = field(repr=False)
    token_expires_at: str
    command: list[str]
    environment: dict[str, str] = field(repr=False)
    restart_policy: str
    cpu: int
    memory_mb: int
    gpu: str

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


def issue_starts(node: Node, listed: Collection[UUID]) -> list[Start]:
    """Return what the node is to start now. `listed` are the instances that it knows of. Called in the poll's
    transaction."""
    waiting = list(
        node.instances.filter(
            state__in=ON_THE_WAY,
            group__status__in=ContainerGroup.ACTIVE,
            group__organization__quota__suspended_at__isnull=True,
        ).select_related("node", "group__organization", "group__project", "group__image")
    )
    if not waiting:
        return []
    images = {instance.group.image_id for instance in waiting}
    manifests = {made.image_id: made for made in NodeManifest.objects.filter(node=node, image__in=images)}
    under_way = set(NodeToken.objects.usable().filter(instance__in=waiting).values_list("instance_id", flat=True))
    starts = []
    for instance in waiting:
        if instance.state == State.DOWNLOADING and instance.pk in listed and instance.pk in under_way:
            continue
        manifest = manifests.get(instance.group.image_id)
        if manifest is None:
            _remind(instance)
        elif (start := _start(instance, manifest)) is not None:
            starts.append(start)
    return starts


def _start(instance: Instance, manifest: NodeManifest) -> Start | None:
    group = instance.group
    issued = NodeToken.objects.filter(instance=instance, issued_at__gt=Now() - timedelta(hours=1))
    if issued.count() >= MAX_TOKENS_AN_HOUR:
        log.warning("too_many_tokens", instance=str(instance.pk), node=str(instance.node_id))
        return None
    try:
        environment = open_environment(group)
        if instance.state == State.ALLOCATING:
            move(instance, to=State.DOWNLOADING, progress=0)
    except AtRestBroken:
        log.error("environment_unreadable", group=str(group.pk))
        return None
    except Stale:
        return None
    tokens.end(NodeToken.objects.filter(instance=instance), EndReason.REISSUED)
    secret, token = tokens.mint(instance, manifest)
    return Start(
        instance=str(instance.pk),
        image=f"{urlsplit(settings.PORTAL_PUBLIC_URL).netloc}/{group.repository}@{manifest.digest}",
        size=group.image.total_bytes or 0,
        token=secret,
        token_expires_at=token.expires_at.isoformat(),
        command=group.command,
        environment=environment,
        restart_policy=group.restart_policy,
        cpu=group.cpu,
        memory_mb=group.memory_mb,
        gpu=group.gpu,
    )


def _remind(instance: Instance) -> None:
    """Wake a worker again for a manifest that is overdue: the queue may have been lost."""
    seconds = int(PREPARED_WITHIN.total_seconds())
    overdue = Instance.objects.filter(pk=instance.pk, assigned_at__lt=Now() - PREPARED_WITHIN)
    if overdue.exists() and caches["node_calls"].add(f"reminded-{instance.pk}", 1, timeout=seconds):
        wake_prepare(instance.pk)
