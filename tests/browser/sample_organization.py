"""A sample organization for pages to show: groups in every state with real pulls, people and activity.

Registries of tests listen on loopback; `sample_images` gives images from there the names, sizes and times of real
ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from groups.actions import lifecycle
from groups.models import ContainerGroup, Failure, Image, Occurrence, PullStep, Redemption
from portal.models import Activity, Membership, Notice, Webhook
from portal.notifications import webhooks
from portal.organizations.invitations import invite
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from tests.browser.acme_images import GAR, IMAGES, LINES, MB, NOT_THERE, READER, SIZES, UPSCALE, WRONG, span
from tests.browser.sample_images import SampleImage, show_credential, show_delivery, show_node, show_pull, show_run
from tests.support.activity import empty_activity, without_triggers, write_activity
from tests.support.actors import acting
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, USER, make_credential, make_group
from tests.support.sealed_rows import seal_again


@dataclass
class SampleOrganization:
    """The organization's groups and failure by name."""

    groups: dict[str, ContainerGroup]
    failure: Failure
    credential: Credential
    webhook: Webhook


def make_organization(
    organization: Any, people: list[Any], work: Callable[[], None], join: Callable[[], None]
) -> SampleOrganization:
    """Make it; `work` has a worker pull, `join` waits until it has."""
    groups: dict[str, ContainerGroup] = {}
    project = organization.projects.get()
    with FakeRegistry(auth="basic", users={USER: SECRET}) as registry:
        config = {"history": [{"created_by": line} for line in LINES]}
        for sample in (*IMAGES, UPSCALE):
            if sample.name != NOT_THERE:
                layers = [os.urandom(size) for size in SIZES]
                registry.push_image(sample.repository, sample.version, layers, config=config)
        kept = make_credential(organization, registry.host, hold="hour", created_by_id=people[1].pk)
        for sample in IMAGES:
            by = people[sample.by]
            password = "wrong" if sample.name == WRONG else SECRET
            own = make_credential(organization, registry.host, password=password, created_by_id=by.pk)
            credential = kept if sample.host == GAR else own
            values = {"replicas": 3, "cpu": 4, "memory_mb": 8192, "by": acting(by)} | sample.settings
            reference = f"{registry.host}/{sample.image}"
            groups[sample.name] = make_group(project, reference, credential=credential, name=sample.name, **values)
            work()
            join()
            show_pull(groups[sample.name], sample, registry.host)
            if credential is kept:
                own.delete()
        reference = f"{registry.host}/{UPSCALE.image}"
        groups["upscale"] = make_group(
            project, reference, credential=kept, name="upscale", replicas=5, gpu="rtx4090", by=acting(people[0])
        )
        Image.objects.filter(pk=groups["upscale"].image_id).update(
            reference=f"{GAR}/{UPSCALE.image}", registry=GAR, provider="google"
        )
    now = timezone.now()
    reader = SampleImage("", "google", GAR, "", 0, span(), uses=3, credential=READER)
    show_credential(kept.pk, reader, received=now - span(minutes=24), used=now - span(seconds=41), ended=now)
    for group in groups.values():
        group.refresh_from_db()
    _half_pulled(groups["upscale"])
    _run(groups)
    _people(organization, people)
    _activity(organization, people, groups)
    kept.refresh_from_db()
    failure = Failure.objects.get(group=groups[WRONG])
    return SampleOrganization(groups, failure, kept, _hook(organization, people[0]))


def _run(groups: dict[str, ContainerGroup]) -> None:
    """Start what runs: each node's delivery is in the ledger, one is under way, and a used token came again."""
    now = timezone.now()
    running: dict[str, list[tuple[str, timedelta]]] = {
        "render": [("oslo-3", span(2, 22)), ("lyon-12", span(2, 22)), ("porto-7", span(0, 0, 1, 25))],
        "frontend": [("oslo-3", span(0, 4, 50)), ("ghent-1", span(0, 4, 50))],
        "embeddings": [(name, span(6, 3)) for name in ("lyon-12", "turku-2", "porto-7", "ghent-1")],
        "thumbnails": [(name, span(12, 6)) for name in ("oslo-3", "lyon-12", "porto-7", "turku-2", "ghent-1")] * 2,
    }
    for name, berths in running.items():
        group = groups[name]
        lifecycle.start(group, by=CONSOLE)
        for instance, (node, ago) in zip(group.instances.order_by("created_at"), berths, strict=False):
            show_run(instance, show_node(node), ago=ago, progress=64 if ago < span(0, 1) else 100)
        ContainerGroup.objects.filter(pk=group.pk).update(status="running", changed_at=now - berths[0][1])
    lifecycle.start(groups["detector"], by=CONSOLE)
    for instance, node in zip(groups["detector"].instances.all(), ("turku-2",), strict=False):
        show_run(instance, show_node(node), ago=span(seconds=38), progress=41)
    for name in ("oslo-3", "lyon-12", "porto-7", "turku-2", "ghent-1", "bergen-4"):
        show_delivery(groups["nightly-batch"], show_node(name), issued=now - span(0, 8, 57))
    ContainerGroup.objects.filter(pk=groups["nightly-batch"].pk).update(
        status="succeeded", succeeded_replicas=6, last_exit_code=0, changed_at=now - span(0, 3, 40)
    )
    Occurrence.objects.filter(kind="group.running").delete()

    gone = show_delivery(groups["render"], show_node("bergen-4"), issued=now - span(2, 22))
    refused = Redemption.objects.create(
        token=gone, presented_by="", address="198.51.100.23", outcome="refused", reason="replayed"
    )
    Redemption.objects.filter(pk=refused.pk).update(created_at=now - span(0, 3, 8))
    replayed = Occurrence.objects.create(
        organization_id=groups["render"].organization_id, group=groups["render"], group_name="render",
        kind="group.replay_refused", node_name="bergen-4",
    )  # fmt: skip
    Occurrence.objects.filter(pk=replayed.pk).update(created_at=now - span(0, 3, 8), fanned_out_at=now)


def _half_pulled(group: ContainerGroup) -> None:
    """A pull that is half done."""
    image, now = group.image, timezone.now()
    began = now - UPSCALE.ago
    Image.objects.filter(pk=image.pk).update(
        status=Image.Status.PULLING, started_at=began, created_at=began, attempt=1, total_bytes=UPSCALE.size,
        digest="sha256:" + "4e1f9c0b7d21a85c" * 4,
    )  # fmt: skip
    ContainerGroup.objects.filter(pk=group.pk).update(created_at=began, changed_at=began)
    shares = [(820 * MB, 1.0), (310 * MB, 1.0), (2_400 * MB, 0.38), (560 * MB, 0.1), (30 * MB, 0.0)]
    for position, (size, part) in enumerate(shares):
        image.layers.create(
            position=position, media_type="application/vnd.oci.image.layer.v1.tar+gzip", size=size,
            digest=f"sha256:{position:064x}", created_by=LINES[position], received=int(size * part),
            committed_at=now if part == 1.0 else None,
        )  # fmt: skip
    steps = {
        "resolve": (0.1, GAR), "connect": (0.2, f"{GAR} answers as a registry"),
        "authenticate": (0.4, "Signed in as _json_key"), "manifest": (0.3, "Manifest sha256:4e1f9c0b7d21…"),
        "platform": (0.1, "linux/amd64"), "size": (0.1, "4.1 GB in 5 layers, of at most 10 GB"),
    }  # fmt: skip
    for name, (seconds, detail) in steps.items():
        row = PullStep.objects.create(image=image, attempt=1, name=name, outcome="ok", detail=detail)
        ended = began + timedelta(seconds=seconds)
        PullStep.objects.filter(pk=row.pk).update(started_at=began, finished_at=ended)
        began = ended
    row = PullStep.objects.create(image=image, attempt=1, name="layers", outcome="running")
    PullStep.objects.filter(pk=row.pk).update(started_at=began)


def _people(organization: Any, people: list[Any]) -> None:
    """Everybody is here for a while, but for one who is still to come."""
    now = timezone.now()
    for number, member in enumerate(Membership.objects.filter(organization=organization).order_by("pk")):
        since = now - span(214 - 57 * number, 3)
        Membership.objects.filter(pk=member.pk).update(created_at=since)
    row, _ = invite(organization, email="nina@acme.example", role="member", by=acting(people[0]))
    type(row).objects.filter(pk=row.pk).update(created_at=now - span(1, 4), expires_at=now + span(5, 20))
    seal_again()


def _activity(organization: Any, people: list[Any], groups: dict[str, ContainerGroup]) -> None:
    """What was done lately, as the forms and the API write it down."""
    alice, bob = people
    done: list[tuple[timedelta, Any, str, str, str]] = [
        (span(12, 6), alice, "group.started", "thumbnails", ""),
        (span(6, 3), alice, "group.started", "embeddings", ""),
        (span(4, 1), bob, "key.created", "ci", "write"),
        (span(2, 22), alice, "group.started", "render", ""),
        (span(2, 5), "key ci", "group.changed", "frontend", "replicas 1 → 2"),
        (span(1, 4), alice, "team.invited", "nina@acme.example", "as member"),
        (span(1, 1), alice, "notification.changed", "hooks.acme.example", "told of 3 kinds"),
        (span(0, 8, 58), "key ci", "group.started", "nightly-batch", ""),
        (span(0, 4, 50), bob, "group.started", "frontend", ""),
        (span(0, 0, 18), bob, "group.started", "detector", ""),
        (span(0, 0, 24), bob, "credential.added", READER, GAR),
        (span(seconds=42), alice, "group.created", "upscale", f"{GAR}/{UPSCALE.image}"),
    ]
    for sample in IMAGES:
        by, ago = people[sample.by], sample.ago + span(seconds=2)
        if sample.host != GAR:
            done.append((ago, by, "credential.added", sample.called, sample.host))
        done.append((ago - span(seconds=1), by, "group.created", sample.name, f"{sample.host}/{sample.image}"))
    empty_activity()  # what the actions above recorded themselves is of today
    for ago, by, action, target, detail in sorted(done, key=lambda entry: entry[0], reverse=True):
        row = write_activity(organization.pk, by, action, target, detail)
        with without_triggers():
            Activity.objects.filter(pk=row.pk).update(created_at=timezone.now() - ago)


def _hook(organization: Any, by: Any) -> Webhook:
    """A webhook that received the earlier events; its receiver does not answer the latest."""
    kinds = ["group.ready", "group.failed", "group.replay_refused"]
    hook, _ = webhooks.add(organization, address="https://hooks.acme.example/drayage", kinds=kinds, by=acting(by))
    now = timezone.now()
    Webhook.objects.filter(pk=hook.pk).update(created_at=now - span(20, 2), failing_since=now - span(minutes=9))
    occurrences = Occurrence.objects.filter(organization=organization, kind__in=kinds).order_by("-created_at")
    for number, occurrence in enumerate(occurrences):
        waits = occurrence.group_name == WRONG
        tries = 4 if waits else 3 if occurrence.group_name == NOT_THERE else 1
        notice = Notice.objects.create(
            occurrence=occurrence, webhook=hook, due_at=now + span(minutes=27, seconds=12), attempts=tries,
            took_ms=(84, 61, 118, 73, 206, 58, 92)[number % 7], status="waiting" if waits else "sent",
            answer=503 if waits else 204, problem="It answered 503" if waits else "", ended_at=None if waits else now,
        )  # fmt: skip
        Notice.objects.filter(pk=notice.pk).update(created_at=occurrence.created_at)
    return hook
