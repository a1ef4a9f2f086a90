"""A walk-through of one group from its credential to its node, printed line by line as it happens.

It uses the same actions as the pages, and watches what workers and the node do.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from groups.actions.lifecycle import create, start
from groups.models import ContainerGroup, Instance, NodeToken
from portal.demo.image import SampleImage
from portal.models import Organization, User
from portal.templatetags.drayage import size
from registries.credential_rows import NewCredential
from registries.foundation.actor import Actor, ActorKind
from registries.foundation.ids import ProjectId
from registries.oci.reference import parse

POLL_SECONDS = 0.1
MAX_SECONDS = 120.0
Status = ContainerGroup.Status


class WalkthroughFailed(Exception):
    """The group did not reach the expected state; the message says which state it is in."""


@dataclass(frozen=True)
class Sample:
    """The sample image's reference and its registry's credential."""

    reference: str
    user: str
    password: str


class Walkthrough:
    """The walk-through of one group. `say` is called with a line at each step, `tend` while waiting. `figures` are the
    measurements of the last run."""

    def __init__(
        self, organization: Organization, user: User, *, say: Callable[[str], None], tend: Callable[[], None]
    ) -> None:
        self._organization = organization
        self._by = Actor(kind=ActorKind.PERSON, id=str(user.pk), name=user.email)
        self._say = say
        self._tend = tend
        self._line = ""
        self.figures: dict[str, object] = {}

    def run(self, sample: Sample) -> ContainerGroup:
        """Take one group from `pending` to running, or to delivered if the node can't run it; return it. Raises
        WalkthroughFailed."""
        began = time.monotonic()
        group = self._create(sample)
        self._say(f"  pending      {group.name}: {sample.reference}")
        self._wait(group, lambda: self._pulled(group))
        stopped = time.monotonic()
        group.refresh_from_db()
        image = group.image
        if group.status == Status.FAILED:
            failure = group.failures.first()
            raise WalkthroughFailed(f"the pull failed: {failure.code if failure else 'unknown'}")
        self._say(f"  stopped      pulled and encrypted in {stopped - began:.1f} s, credential destroyed")
        start(group, by=self._by)
        self._say("  deploying    waiting for a node")
        self._wait(group, lambda: self._delivered(group))
        done = time.monotonic()
        instance = group.instances.get()
        self._say(f"  delivered    to {instance.node}, decrypted there in {done - stopped:.1f} s")
        self._wait(group, lambda: self._settled(group))
        group.refresh_from_db()
        instance = group.instances.get()
        runs = instance.state == Instance.State.RUNNING
        self._say(f"  {'running' if runs else 'not running':<12} {instance.message or f'on {instance.node}'}")
        self.figures = {
            "image_bytes": image.total_bytes,
            "layers": image.layers.count(),
            "pull_seconds": round(stopped - began, 2),
            "delivery_seconds": round(done - stopped, 2),
            "running": runs,
            "credential_destroyed": bool(image.credential and not image.credential.is_held),
        }
        return group

    def _create(self, sample: Sample) -> ContainerGroup:
        reference = parse(sample.reference)
        project = self._organization.projects.get(slug="default")
        return create(
            organization_id=self._organization.pk,
            project_id=project.pk,
            name=self._free_name(project.pk),
            reference=reference,
            credential=NewCredential(
                provider="self_hosted",
                name="sample registry",
                host=reference.registry,
                values={"username": sample.user, "password": sample.password},
            ),
            environment={"GREETING": "hello"},
            by=self._by,
        )

    def _free_name(self, project_id: ProjectId) -> str:
        taken = set(ContainerGroup.objects.filter(project_id=project_id).values_list("name", flat=True))
        names = ["hello", *(f"hello-{number}" for number in range(2, len(taken) + 3))]
        return next(name for name in names if name not in taken)

    def _pulled(self, group: ContainerGroup) -> bool:
        group.refresh_from_db()
        if group.status != Status.PENDING:
            return True
        received = sum(group.image.layers.values_list("received", flat=True))
        total = group.image.total_bytes
        if total and received:
            self._progress(f"  pulling      {size(received)} of {size(total)}")
        return False

    def _delivered(self, group: ContainerGroup) -> bool:
        token = NodeToken.objects.filter(group=group, ended_because="delivered").first()
        instance = group.instances.first()
        if instance is not None and instance.state == Instance.State.DOWNLOADING:
            self._progress(f"  downloading  {instance.node} pulls with its one-time token")
        return token is not None

    def _settled(self, group: ContainerGroup) -> bool:
        """Whether the instance runs, or its node reports why it doesn't."""
        instance = group.instances.first()
        if instance is None or instance.state not in (Instance.State.RUNNING, Instance.State.CREATING):
            return False
        return instance.state == Instance.State.RUNNING or bool(instance.message)

    def _progress(self, line: str) -> None:
        if line != self._line:
            self._line = line
            self._say(line)

    def _wait(self, group: ContainerGroup, is_over: Callable[[], bool]) -> None:
        end = time.monotonic() + MAX_SECONDS
        while not is_over():
            if time.monotonic() > end:
                group.refresh_from_db()
                raise WalkthroughFailed(f"{group.name} is still {group.status} after {MAX_SECONDS:.0f} s; see the logs")
            self._tend()
            time.sleep(POLL_SECONDS)


def compare(image: SampleImage, folder: Path) -> None:
    """Check that each layer of the registry is in the node's folder, decrypted and byte for byte equal. Raises
    WalkthroughFailed."""
    by_digest: dict[str, Path] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                by_digest["sha256:" + hashlib.file_digest(file, "sha256").hexdigest()] = path
    for digest in image.layer_digests:
        if digest not in by_digest or by_digest[digest].read_bytes() != image.blobs[digest]:
            raise WalkthroughFailed(f"the node has no layer equal to {digest}")
