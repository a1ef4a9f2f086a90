"""Rows of real pulls as a customer's would read: the registry's own name, sizes of real images, times that passed.

What the portal wrote itself stays: digests, steps, receipts, failures. `sample_organization` has the groups.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from groups.ingest.steps import trace
from groups.models import (
    Blob,
    ContainerGroup,
    Failure,
    Image,
    Instance,
    Layer,
    LayerDelivery,
    Node,
    NodeToken,
    Occurrence,
    PullStep,
)
from registries.foundation.units import format_size
from registries.models import Credential
from tests.support.pulls import USER

PULL_RATE, NODE_RATE = 96_000_000, 31_000_000
SPENT = {
    "resolve": 0.1, "connect": 0.2, "authenticate": 0.4, "manifest": 0.3, "platform": 0.1, "size": 0.1, "store": 0.2,
    "destroy": 0.1,
}  # fmt: skip


@dataclass(frozen=True)
class SampleImage:
    """A group as it is shown: where its image comes from, how large it is, and how long ago it was pulled."""

    name: str
    kind: str
    host: str
    image: str
    size: int
    ago: timedelta
    login: str = USER
    uses: int = 1
    by: int = 0
    credential: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def called(self) -> str:
        """What its credential is called: as the form proposes, unless somebody chose a name."""
        return self.credential or f"{self.login} at {self.host}"[:63]

    @property
    def repository(self) -> str:
        return self.image.partition(":")[0]

    @property
    def version(self) -> str:
        return self.image.partition(":")[2]


def show_pull(group: ContainerGroup, sample: SampleImage, was: str) -> datetime:
    """Rewrite a settled pull from the registry at `was`; return when it had settled."""
    image = Image.objects.get(pk=group.image_id)
    began = timezone.now() - sample.ago
    real, total = image.total_bytes or 0, _resize(image, sample.size)
    now_at = began
    for step in image.steps.order_by("id"):
        detail = step.detail.replace(was, sample.host).replace(f"Signed in as {USER}", f"Signed in as {sample.login}")
        if real:
            detail = detail.replace(format_size(real), format_size(total))
        seconds = total / PULL_RATE if step.name == "layers" else SPENT[step.name]
        started, now_at = now_at, now_at + timedelta(seconds=seconds)
        PullStep.objects.filter(pk=step.pk).update(detail=detail, started_at=started, finished_at=now_at)
    _rename(image, sample, was)
    Image.objects.filter(pk=image.pk).update(
        created_at=began - timedelta(seconds=1), started_at=began, settled_at=now_at, provider=sample.kind
    )
    Layer.objects.filter(image=image, committed_at__isnull=False).update(committed_at=now_at)
    ContainerGroup.objects.filter(pk=group.pk).update(created_at=began - timedelta(seconds=1), changed_at=now_at)
    Occurrence.objects.filter(group=group).update(created_at=now_at, fanned_out_at=now_at)
    for failure in Failure.objects.filter(group=group):
        params = {name: str(value).replace(was, sample.host) for name, value in failure.params.items()}
        Failure.objects.filter(pk=failure.pk).update(
            registry=sample.host, reference=failure.reference.replace(was, sample.host), provider=sample.kind,
            params=params, trace=trace(image), created_at=now_at,
        )  # fmt: skip
    if image.credential_id:
        show_credential(image.credential_id, sample, received=began - timedelta(minutes=2), used=began, ended=now_at)
    return now_at


def show_credential(pk: Any, sample: SampleImage, *, received: datetime, used: datetime, ended: datetime) -> None:
    """Rewrite a credential for the registry of `sample`; one that was destroyed was so at `ended`."""
    rows = Credential.objects.filter(pk=pk)
    row = rows.get()
    rows.update(
        host=sample.host, name=sample.called, provider=sample.kind, received_at=received,
        fields={} if sample.kind == "google" else row.fields | {"username": sample.login},
        used_count=sample.uses, used_hosts=[sample.host], last_used_at=used,
        deadline=received + timedelta(hours=1), destroyed_at=ended if row.destroyed_at else None,
    )  # fmt: skip


def _resize(image: Image, size: int) -> int:
    """Have the layers be as large as those of an image of `size` bytes; return what they are together."""
    if not image.total_bytes:
        return 0
    total = 0
    for layer in image.layers.all():
        grown = layer.size * size // image.total_bytes
        Layer.objects.filter(pk=layer.pk).update(size=grown, received=grown)
        Blob.objects.filter(layers=layer).update(size=grown, source_size=grown)
        total += grown
    Image.objects.filter(pk=image.pk).update(total_bytes=total)
    return total


def _rename(image: Image, sample: SampleImage, was: str) -> None:
    reference = image.reference.replace(was, sample.host)
    Image.objects.filter(pk=image.pk).update(registry=sample.host, reference=reference)
    Blob.objects.filter(layers__image=image).update(registry=sample.host)


def show_node(name: str, **values: Any) -> Node:
    """A node that is here."""
    values = {"public_key": "-", "cpu": 32, "memory_mb": 131_072, "last_seen_at": timezone.now()} | values
    return Node.objects.get_or_create(name=name, defaults=values)[0]


def show_run(instance: Instance, node: Node, *, ago: timedelta, progress: int = 100) -> NodeToken:
    """Have the node run the instance since `ago`, or still download it."""
    taken = timezone.now() - ago
    state = Instance.State.RUNNING if progress == 100 else Instance.State.DOWNLOADING
    token = show_delivery(instance.group, node, issued=taken, share=progress / 100, instance=instance)
    since = token.ended_at + timedelta(seconds=4) if token.ended_at else timezone.now() - timedelta(seconds=3)
    Instance.objects.filter(pk=instance.pk).update(
        node=node, state=state, progress=progress, created_at=taken - timedelta(seconds=2), assigned_at=taken,
        changed_at=since,
    )  # fmt: skip
    return token


def show_delivery(
    group: ContainerGroup, node: Node, *, issued: datetime, share: float = 1.0, instance: Instance | None = None
) -> NodeToken:
    """What the ledger keeps of a delivery: all of the image, or the first `share` of it so far."""
    layers = list(group.image.layers.order_by("position"))
    left = int(sum(layer.size for layer in layers) * share)
    ended = issued + timedelta(seconds=6 + left / NODE_RATE) if share == 1 else None
    redeemed = issued + timedelta(seconds=4)
    token = NodeToken.objects.create(
        token_hash=f"shown-{node.name}-{group.name}-{issued.timestamp()}", organization_id=group.organization_id,
        group=group, group_name=group.name, instance=instance, image=group.image, node=node, node_name=node.name,
        manifest_digest=group.image.digest, expires_at=issued + timedelta(minutes=15), redeemed_at=redeemed,
        redeemed_from=f"203.0.113.{20 + sum(map(ord, node.name)) % 200}",
        session_expires_at=redeemed + timedelta(hours=1), manifest_sent_at=redeemed, ended_at=ended,
        ended_because="delivered" if ended else "",
    )  # fmt: skip
    NodeToken.objects.filter(pk=token.pk).update(issued_at=issued)
    for layer in layers:
        sent = min(left, layer.size)
        left -= sent
        LayerDelivery.objects.create(
            token=token, digest=layer.digest, sent_bytes=sent, sent_whole=int(sent == layer.size)
        )
    return token
