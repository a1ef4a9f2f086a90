"""An operator has a pull begin again, and whoever had it writes nothing more."""

from __future__ import annotations

from typing import Any

import pytest

from groups.actions import lifecycle
from groups.ingest import outcome
from groups.ingest.claim import claim
from groups.models import ContainerGroup, Image
from groups.rules.states import Stale
from registries.credential_rows import empty_credential
from registries.failures import AccessDenied, RegistryUnreachable
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from tests.support.pulls import make_credential, make_group

IMAGE = "registry.example.com/team/app:1"


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any) -> list[str]:
    sent: list[str] = []
    monkeypatch.setattr("groups.actions.lifecycle.wake_pull", lambda image_id: sent.append(str(image_id)))
    monkeypatch.setattr("groups.actions.images.wake_pull", lambda image_id: sent.append(str(image_id)))
    monkeypatch.setattr("groups.ingest.outcome.wake_pull", lambda image_id: sent.append(str(image_id)))
    return sent


def test_one_that_waits_is_due_at_once(project: Any, woken: list[str]) -> None:
    group = make_group(project, IMAGE)
    claimed = claim(group.image_id)
    assert claimed is not None
    outcome.fail(claimed, RegistryUnreachable(host="x", reason="y"), step="connect")
    woken.clear()
    image = Image.objects.get(pk=group.image_id)
    assert image.not_before is not None

    assert lifecycle.requeue(image, by=CONSOLE)

    image = Image.objects.get(pk=group.image_id)
    assert (image.status, woken) == ("queued", [str(image.pk)])
    assert image.not_before is None
    assert claim(image.pk) is not None


def test_a_stuck_worker_loses_it_and_writes_nothing_more(project: Any, woken: list[str]) -> None:
    group = make_group(project, IMAGE)
    stuck = claim(group.image_id)
    assert stuck is not None
    woken.clear()

    assert lifecycle.requeue(Image.objects.get(pk=group.image_id), by=CONSOLE)

    image = Image.objects.get(pk=group.image_id)
    assert (image.status, image.lease, woken) == ("queued", None, [str(image.pk)])
    assert not stuck.renew()
    with pytest.raises(Stale):
        outcome.finish(stuck)
    with pytest.raises(Stale):
        outcome.fail(stuck, AccessDenied(host="x"), step="connect")
    fresh = claim(image.pk)
    assert fresh is not None
    with pytest.raises(Stale):
        outcome.release(stuck)
    with fresh.fenced():
        pass


def fail(group: ContainerGroup) -> Image:
    claimed = claim(group.image_id)
    assert claimed is not None
    outcome.fail(claimed, AccessDenied(host="x"), step="manifest")
    return Image.objects.select_related("credential").get(pk=group.image_id)


def test_one_that_failed_is_pulled_again_if_it_needs_no_secret(project: Any) -> None:
    group = make_group(project, IMAGE)
    failed = fail(group)
    assert lifecycle.requeue(failed, by=CONSOLE)
    group.refresh_from_db()
    assert (group.status, group.image.status) == ("pending", "queued")
    assert group.failures.count() == 1
    assert not Image.objects.filter(pk=failed.pk).exists()


def test_one_whose_secret_is_destroyed_is_the_members_to_retry(acme: Any, project: Any) -> None:
    group = make_group(project, IMAGE, credential=make_credential(acme, "registry.example.com"))
    failed = fail(group)
    empty_credential(Credential.objects.get().pk, reason="removed")
    assert not lifecycle.requeue(Image.objects.get(pk=failed.pk), by=CONSOLE)
    group.refresh_from_db()
    assert group.status == "failed"


def test_one_whose_secret_is_held_for_an_hour_is_pulled_again(acme: Any, project: Any) -> None:
    held = make_credential(acme, "registry.example.com", hold="hour")
    group = make_group(project, IMAGE, credential=held)
    assert lifecycle.requeue(fail(group), by=CONSOLE)
    group.refresh_from_db()
    assert (group.status, group.image.credential) == ("pending", held)


def test_what_is_ready_or_gone_has_nothing_to_do(project: Any) -> None:
    group = make_group(project, IMAGE)
    Image.objects.filter(pk=group.image_id).update(status="ready")
    image = Image.objects.get(pk=group.image_id)
    assert not lifecycle.requeue(image, by=CONSOLE)
    image.status = "pulling"
    assert not lifecycle.requeue(image, by=CONSOLE)
