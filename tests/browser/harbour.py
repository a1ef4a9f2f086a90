"""A lived-in organization for pages to show: groups in every state, real pulls behind them, people and deeds.

Registries of tests listen on loopback; what is shown names `registry.acme.example` instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from groups import actions
from groups.models import ContainerGroup, Failure, Image, Instance, Node, NodeToken, Occurrence, PullStep
from portal.activity import record
from portal.models import Notice, Webhook
from portal.notifications import webhooks
from registries.models import Credential
from tests.fakes.registry import FakeRegistry
from tests.groups.pulls import SECRET, USER, make_credential, make_group

SHOWN_HOST = "registry.acme.example"
LINES = [
    "ADD debian-bookworm.tar.gz /",
    "RUN apt-get update && apt-get install -y --no-install-recommends libgl1 ffmpeg",
    "RUN pip install --no-cache-dir torch==2.9.0 transformers==5.1",
    "COPY models /opt/models",
    "COPY app /app",
]
SIZES = [280_000, 160_000, 900_000, 430_000, 30_000]


@dataclass
class Harbour:
    """The organization's groups and failure by name."""

    groups: dict[str, ContainerGroup]
    failure: Failure
    credential: Credential
    webhook: Webhook


def fill(organization: Any, people: list[Any], work: Callable[[], None], join: Callable[[], None]) -> Harbour:
    """Make it; `work` has a worker pull, `join` waits until it has."""
    project = organization.projects.get()
    groups: dict[str, ContainerGroup] = {}
    with FakeRegistry(auth="basic", users={USER: SECRET}) as registry:
        config = {"history": [{"created_by": line} for line in LINES]}
        for repository in ("vision/render", "speech/whisper", "web/frontend", "batch/nightly", "vision/upscale"):
            registry.push_image(repository, "2.4", [os.urandom(size) for size in SIZES], config=config)

        def pull(name: str, repository: str, password: str = SECRET, **values: Any) -> None:
            credential = make_credential(organization, registry.host, password=password, created_by_id=people[0].pk)
            reference = f"{registry.host}/{repository}:2.4"
            values = {"replicas": 3, "cpu": 4, "memory_mb": 8192, "created_by_id": people[0].pk} | values
            groups[name] = make_group(project, reference, credential=credential, name=name, **values)
            work()
            join()
            record(organization.pk, people[0], "credential.added", f"deploy at {SHOWN_HOST}")
            record(organization.pk, people[0], "group.created", name, f"{SHOWN_HOST}/{repository}:2.4")

        pull("nightly-batch", "batch/nightly", replicas=1)
        pull(
            "render",
            "vision/render",
            environment={"LOG_LEVEL": "info", "MODEL": "xl"},
            command=["serve", "--port", "80"],
        )
        pull("frontend", "web/frontend", replicas=2)
        pull("whisper", "speech/whisper", password="wrong")
        groups["upscale"] = make_group(project, f"{registry.host}/vision/upscale:2.4", name="upscale", replicas=5)
        _rename(registry.host)
    kept = make_credential(organization, SHOWN_HOST, hold="hour", created_by_id=people[-1].pk)
    _run(groups["render"], ["oslo-3", "lyon-12", "porto-7"], people[0])
    _run(groups["frontend"], ["oslo-3"], people[-1])
    _half_pulled(groups["upscale"])
    record(organization.pk, "key ci", "group.started", "render")
    failure = Failure.objects.get()
    return Harbour(groups, failure, kept, _hook(organization, people[0]))


def _hook(organization: Any, by: Any) -> Webhook:
    """A webhook that was told of what happened so far; its receiver was away once."""
    hook, _ = webhooks.add(
        organization, address="https://hooks.acme.example/drayage", kinds=["group.failed", "group.ready"], created_by=by
    )
    now = timezone.now()
    for occurrence in Occurrence.objects.filter(organization=organization, kind__in=hook.kinds):
        failed = occurrence.kind == "group.failed"
        Notice.objects.create(
            occurrence=occurrence, webhook=hook, due_at=now + timedelta(seconds=52), attempts=1, took_ms=84,
            status="waiting" if failed else "sent", answer=503 if failed else 204,
            problem="It answered 503" if failed else "", ended_at=None if failed else now,
        )  # fmt: skip
    return hook


def _rename(host: str) -> None:
    """Show the real pulls under a name that reads like one."""
    for image in Image.objects.filter(registry=host):
        image.reference = image.reference.replace(host, SHOWN_HOST)
        Image.objects.filter(pk=image.pk).update(registry=SHOWN_HOST, reference=image.reference)
    for failure in Failure.objects.all():
        params = {key: str(value).replace(host, SHOWN_HOST) for key, value in failure.params.items()}
        trace = [{**step, "detail": str(step.get("detail", "")).replace(host, SHOWN_HOST)} for step in failure.trace]
        Failure.objects.filter(pk=failure.pk).update(
            registry=SHOWN_HOST, reference=failure.reference.replace(host, SHOWN_HOST), params=params, trace=trace
        )
    for step in PullStep.objects.filter(detail__contains=host):
        PullStep.objects.filter(pk=step.pk).update(detail=step.detail.replace(host, SHOWN_HOST))
    for credential in Credential.objects.all():
        hosts = [SHOWN_HOST for _ in credential.used_hosts]
        Credential.objects.filter(pk=credential.pk).update(
            host=SHOWN_HOST, used_hosts=hosts, name=f"deploy at {SHOWN_HOST}"
        )


def _run(group: ContainerGroup, nodes: list[str], by: Any) -> None:
    """Start it and have nodes take its replicas; the last one is still downloading."""
    group.refresh_from_db()
    actions.start(group)
    now = timezone.now()
    for number, (instance, name) in enumerate(zip(group.instances.order_by("created_at"), nodes, strict=False)):
        node, _ = Node.objects.get_or_create(
            name=name, defaults={"public_key": "-", "cpu": 32, "memory_mb": 131072, "last_seen_at": now}
        )
        last = number == len(nodes) - 1 and len(nodes) > 1
        state = Instance.State.DOWNLOADING if last else Instance.State.RUNNING
        Instance.objects.filter(pk=instance.pk).update(
            node=node, state=state, progress=64 if last else 100, assigned_at=now
        )
        NodeToken.objects.create(
            token_hash=f"shown-{instance.pk}", organization_id=group.organization_id, group=group,
            group_name=group.name, instance=instance, image=group.image, node=node, node_name=name,
            manifest_digest=group.image.digest,
            expires_at=now + timedelta(minutes=15), redeemed_at=now, session_expires_at=now + timedelta(hours=1),
            manifest_sent_at=now, ended_at=None if last else now, ended_because="" if last else "delivered",
        )  # fmt: skip
    if len(nodes) > 1:
        ContainerGroup.objects.filter(pk=group.pk).update(status=ContainerGroup.Status.RUNNING)
    record(group.organization_id, by, "group.started", group.name)


def _half_pulled(group: ContainerGroup) -> None:
    """A pull as it stands in its middle."""
    image, now = group.image, timezone.now()
    total = 4_120_000_000
    Image.objects.filter(pk=image.pk).update(
        status=Image.Status.PULLING, started_at=now - timedelta(seconds=41), attempt=1, total_bytes=total,
        digest="sha256:" + "4e1f9c0b7d21a85c" * 4,
    )  # fmt: skip
    shares = [(820_000_000, 1.0), (310_000_000, 1.0), (2_400_000_000, 0.38), (560_000_000, 0.1), (30_000_000, 0.0)]
    for position, (size, part) in enumerate(shares):
        image.layers.create(
            position=position, media_type="application/vnd.oci.image.layer.v1.tar+gzip", size=size,
            digest=f"sha256:{position:064x}", created_by=LINES[position], received=int(size * part),
            committed_at=now if part == 1.0 else None,
        )  # fmt: skip
    spent = {"resolve": 0.1, "connect": 0.2, "authenticate": 0.4, "manifest": 0.3, "platform": 0.1, "size": 0.1}
    began = now - timedelta(seconds=42)
    for name, seconds in spent.items():
        row = PullStep.objects.create(image=image, attempt=1, name=name, outcome="ok")
        PullStep.objects.filter(pk=row.pk).update(started_at=began, finished_at=began + timedelta(seconds=seconds))
        began += timedelta(seconds=seconds)
    row = PullStep.objects.create(image=image, attempt=1, name="layers", outcome="running")
    PullStep.objects.filter(pk=row.pk).update(started_at=began)
