"""What a node has to start: the image by digest, a one-time token, command, environment and limits.

An instance is sent to its node once its manifest for this node is made and signed, and it has no usable token. If a
node doesn't list a download that was sent to it, it has missed that response: the token is ended and a new one minted.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.cache import caches
from django.db.models.functions import Now

from groups.delivery import tokens
from groups.delivery.tokens import EndReason
from groups.models import ContainerGroup, Instance, Node, NodeManifest, NodeToken
from groups.nodes.manifest_signing import forget_unsigned, is_signed_for
from groups.rules.sealed_settings import open_environment
from groups.rules.states import Stale, move
from groups.rules.wakeups import wake_prepare
from registries.foundation.ids import InstanceId
from registries.secrets.at_rest import AtRestBroken

State = Instance.State
NOT_FETCHED = (State.ALLOCATING, State.DOWNLOADING)
"""The states of an instance whose image the node does not have yet."""
MAX_TOKENS_AN_HOUR = 20
MAX_PREPARATION = timedelta(seconds=10)
"""A manifest that takes longer is requested again."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Start:
    """One instance that the node has to fetch and run. Times are ISO 8601, `size` is the image's total in bytes."""

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

    def as_json(self) -> dict[str, object]:
        return dict(vars(self))


def issue_starts(node: Node, listed: Collection[InstanceId]) -> list[Start]:
    """Mint tokens for the node's instances that are ready to be fetched, and return what the node has to start.
    `listed` are the ids of the instances in its report. Called in the poll's transaction."""
    waiting = list(
        node.instances.filter(
            state__in=NOT_FETCHED,
            group__status__in=ContainerGroup.ACTIVE,
            group__organization__quota__suspended_at__isnull=True,
        ).select_related("node", "group__organization", "group__project", "group__image")
    )
    if not waiting:
        return []
    images = {instance.group.image_id for instance in waiting}
    manifests = {manifest.image_id: manifest for manifest in NodeManifest.objects.filter(node=node, image__in=images)}
    with_token = set(NodeToken.objects.usable().filter(instance__in=waiting).values_list("instance_id", flat=True))
    starts = []
    for instance in waiting:
        if instance.state == State.DOWNLOADING and instance.pk in listed and instance.pk in with_token:
            continue
        manifest = manifests.get(instance.group.image_id)
        if manifest is not None and not is_signed_for(instance, manifest):
            forget_unsigned(manifest)
            manifest = None
        if manifest is None:
            _request_manifest_again(instance)
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
        image=f"{urlsplit(settings.PORTAL_LAYERS_URL).netloc}/{group.repository}@{manifest.digest}",
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


def _request_manifest_again(instance: Instance) -> None:
    """Wake a worker again for an overdue manifest, whose wake-up may have been lost."""
    seconds = int(MAX_PREPARATION.total_seconds())
    overdue = Instance.objects.filter(pk=instance.pk, assigned_at__lt=Now() - MAX_PREPARATION)
    if overdue.exists() and caches["node_calls"].add(f"reminded-{instance.pk}", 1, timeout=seconds):
        wake_prepare(instance.pk)
