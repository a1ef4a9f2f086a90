"""A pull that makes room for another organization's, while it really runs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from groups import jobs
from groups.ingest import claim as claims
from groups.models import FailedAttempt, Image, PullStep
from portal.models import Project
from registries.foundation.ids import ImageId
from registries.models import Credential
from tests.groups.ingest.conftest import again
from tests.support.fakes.registry import FakeRegistry
from tests.support.pull_queue import add_pull, make_organizations
from tests.support.pulls import make_credential, make_group, stored_files

pytestmark = pytest.mark.django_db(transaction=True)


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("where", "how"),
    [
        ("/v2/", {"delay": 60}),
        ("/manifests/", {"delay": 60}),
        ("/blobs/", {"stall_after": 1_900_000}),
        ("token", {"delay": 60}),
    ],
)
def test_it_goes_back_into_the_queue_whatever_it_waits_for(
    shared: Project, blobs: Path, woken: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch, where: str, how: Any
) -> None:
    monkeypatch.setattr(claims, "HEARTBEATS_PER_LEASE", 1200)
    with FakeRegistry(auth="bearer", users={"deploy": "canary-7f3a-secret"}) as registry:  # pragma: allowlist secret
        pushed = registry.push_image("team/app", "1.0", layers=[b"small" * 100, os.urandom(2_000_000)])
        registry.fault(pushed.layer_digests[1] if where == "/blobs/" else where, times=1, **how)
        credential = make_credential(shared.organization, registry.host)
        group = make_group(shared, f"{registry.host}/team/app:1.0", credential=credential)
        others = make_organizations("b")
        thread = threading.Thread(target=_pull, args=(group.image_id,))
        thread.start()
        until(lambda: Image.objects.get(pk=group.image_id).status == "pulling" and _waits(registry, where, blobs))
        add_pull(shared.organization, status="pulling", claimed=9000)
        woken.clear()

        began = time.monotonic()
        add_pull(others["b"], age=60)
        thread.join(10)

        assert not thread.is_alive()
        assert time.monotonic() - began < 5
        image = Image.objects.get(pk=group.image_id)
        assert (image.status, image.attempt, image.handed_over, image.retry_code) == ("queued", 1, 1, "")
        assert image.yielded_at is not None
        assert woken == [("pulls", str(image.pk))]
        assert not FailedAttempt.objects.exists()
        last = PullStep.objects.filter(image=image).order_by("-id").first()
        assert last is not None
        assert (last.outcome, last.detail) == ("failed", "Paused: its turn was over")
        assert Credential.objects.get().destroyed_at is None, "it is needed for the next attempt"

        kept = image.layers.filter(committed_at__isnull=False).count()
        assert len(stored_files(blobs)) == kept == int(where == "/blobs/")
        Image.objects.exclude(pk=image.pk).delete()
        group = again(group)
        assert (group.status, group.image.attempt) == ("stopped", 2)
        assert group.image.yielded_at is None


def _pull(image_id: ImageId) -> None:
    jobs.pull(str(image_id))
    connection.close()


def _waits(registry: FakeRegistry, where: str, blobs: Path) -> bool:
    """Whether the pull has come to what it waits for; with layers, once the small one is committed."""
    if where == "/blobs/":
        return Image.objects.filter(layers__committed_at__isnull=False).exists()
    return bool(registry.requests_to(where))
