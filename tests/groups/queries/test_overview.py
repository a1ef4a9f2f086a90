"""An organization's groups at a glance, beside an organization that has more of everything."""

from __future__ import annotations

from typing import Any

import pytest

from groups.models import ContainerGroup, Image, Instance
from groups.queries.overview import organization_overview
from registries.models import Credential
from tests.support.group_progress import failed
from tests.support.pulls import make_blob, make_credential, make_group

pytestmark = pytest.mark.usefixtures("no_redis")
HOST = "registry.example.com"


def add(project: Any, name: str, status: str, *, replicas: int = 1, running: int = 0) -> ContainerGroup:
    group = make_group(project, f"{HOST}/team/app:1", name=name, replicas=replicas)
    ContainerGroup.objects.filter(pk=group.pk).update(status=status)
    for number in range(running + 1):
        Instance.objects.create(group=group, state="running" if number else "creating")
    return group


@pytest.fixture
def umbrella(mallory: Any) -> Any:
    """Another organization."""
    umbrella = mallory.organizations.get()
    project = umbrella.projects.get()
    for number, status in enumerate(("failed", "stopped", "running", "deploying", "pending")):
        add(project, f"theirs-{number}", status, replicas=100, running=3)
    Image.objects.filter(organization=umbrella).update(status="pulling")
    make_blob(umbrella, size=10**9)
    make_credential(umbrella, HOST)
    return umbrella


def test_everything_is_counted_in_one_organization(acme: Any, project: Any, umbrella: Any) -> None:
    add(project, "running", "running", replicas=3, running=2)
    add(project, "deploying", "deploying", replicas=4, running=1)
    ready = add(project, "stopped", "stopped", replicas=5)
    add(project, "scaled-to-none", "stopped", replicas=0)
    broken = add(project, "broken", "failed", replicas=6)
    elsewhere = add(acme.projects.create(slug="batch", name="Batch"), "elsewhere", "pending", replicas=7)
    Image.objects.filter(pk=elsewhere.image_id).update(status="pulling")
    Image.objects.filter(groups__status__in=["running", "deploying", "failed"]).update(status="ready")
    failed(broken, code="image_not_found")
    newest = failed(broken, code="authentication_failed")
    make_blob(acme, size=300)
    make_blob(acme, size=400)
    make_blob(acme, size=500, unused_since="2026-01-01T00:00:00Z")
    make_credential(acme, HOST)
    over = make_credential(acme, HOST)
    Credential.objects.filter(pk=over.pk).update(deadline="2026-01-01T00:00:00Z")

    seen = organization_overview(acme.pk)

    assert (seen.total, seen.running, seen.wanted) == (6, 3, 3 + 4)
    assert (seen.stored_bytes, seen.pulling, seen.waiting, seen.credentials) == (700, 1, 2, 1)
    assert [(share.status, share.count) for share in seen.shares] == [
        ("pending", 1), ("stopped", 2), ("deploying", 1), ("running", 1), ("failed", 1),
    ]  # fmt: skip
    assert sum(share.width for share in seen.shares) == pytest.approx(1000 - 4 * 4, abs=1)
    assert seen.ready == [ready]
    assert [(row.group, row.failure_id) for row in seen.failed] == [(broken, newest.pk)]
    assert seen.failed[0].title == newest.words.title


def test_lists_have_the_six_that_changed_last(project: Any, umbrella: Any) -> None:
    for status in ("failed", "stopped"):
        for number in range(7):
            add(project, f"{status}-{number}", status)

    seen = organization_overview(project.organization_id)

    assert [row.group.name for row in seen.failed] == [f"failed-{number}" for number in range(6, 0, -1)]
    assert [group.name for group in seen.ready] == [f"stopped-{number}" for number in range(6, 0, -1)]
    assert {row.title for row in seen.failed} == {""}


def test_an_organization_without_groups(acme: Any, umbrella: Any) -> None:
    seen = organization_overview(acme.pk)

    assert (seen.total, seen.shares, seen.failed, seen.ready, seen.running, seen.wanted) == (0, [], [], [], 0, 0)
    assert (seen.stored_bytes, seen.pulling, seen.credentials) == (0, 0, 0)


def test_what_images_share_is_stored_once(project: Any, no_redis: None) -> None:
    one, other = (make_group(project, f"registry.example.com/team/app:{tag}", name=tag).image for tag in ("old", "new"))
    blob = make_blob(project.organization, image=one, size=700)
    shared = one.layers.get()
    shared.pk, shared.image = None, other
    shared.save()

    assert blob.layers.count() == 2
    assert organization_overview(project.organization_id).stored_bytes == 700
