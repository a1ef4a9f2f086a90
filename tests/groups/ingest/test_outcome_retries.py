"""How often a pull is tried again, and when. The figures are written down here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from groups.ingest import fenced_writes, outcome
from groups.ingest.claim import Claim
from groups.models import Blob, ContainerGroup, FailedAttempt, Failure, Image
from groups.rules.states import Stale
from portal.models import Project
from registries.failures import AccessDenied, DigestMismatch, Interrupted, PullFailed, RegistryUnreachable
from registries.models import Credential
from tests.groups.ingest.conftest import HOST, claimed
from tests.support.manifests import config_of, layer, manifest
from tests.support.pulls import make_blob, make_group

BROKEN = DigestMismatch(what="a layer")
NOW = timezone.now().replace(microsecond=0)


def image_of(held: Claim) -> Image:
    return Image.objects.get(pk=held.image.pk)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's clock stands still at `NOW`."""
    monkeypatch.setattr(outcome, "database_now", lambda: NOW)


@pytest.fixture
def long(held: Claim, clock: None) -> Claim:
    """A pull that may be tried for days."""
    Image.objects.update(retry_until=NOW + timedelta(days=3))
    return held


def pause_after(held: Claim, failure: PullFailed, *, attempt: int = 1, handed_over: int = 0) -> float | None:
    """Seconds until the next attempt after this one failed; None where there is none."""
    Image.objects.filter(pk=held.image.pk).update(
        status="pulling", lease=held.lease, attempt=attempt, handed_over=handed_over, not_before=None
    )
    ContainerGroup.objects.update(status="pending")
    held.image.steps.all().delete()
    follows = outcome.fail(held, failure, step="connect")
    image = image_of(held)
    assert (image.status == "queued") == (image.not_before is not None) == follows
    assert FailedAttempt.objects.order_by("pk").last().final == (not follows)  # type: ignore[union-attr]
    return (image.not_before - NOW).total_seconds() if image.not_before else None


@pytest.mark.parametrize(
    ("place", "pauses"),
    [(0.0, [7.5, 22.5, 67.5, 202.5, None]), (0.5, [10, 30, 90, 270, None]), (1.0, [12.5, 37.5, 112.5, 337.5, None])],
    ids=["shortest", "middle", "longest"],
)
def test_five_attempts_with_growing_pauses(
    long: Claim, monkeypatch: pytest.MonkeyPatch, place: float, pauses: list[float | None]
) -> None:
    monkeypatch.setattr("groups.ingest.outcome.random.uniform", lambda low, high: low + place * (high - low))
    assert [pause_after(long, BROKEN, attempt=number) for number in (1, 2, 3, 4, 5)] == pauses


def test_three_attempts_if_they_are_interrupted(long: Claim) -> None:
    tried = [pause_after(long, Interrupted(), attempt=number) is not None for number in (1, 2, 3, 4)]
    assert tried == [True, True, False, False]


def test_attempts_that_were_handed_over_do_not_count(long: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.ingest.outcome.random.uniform", lambda low, high: 1.0)
    assert pause_after(long, BROKEN, attempt=9, handed_over=8) == 10
    assert pause_after(long, BROKEN, attempt=9, handed_over=5) == 270
    assert pause_after(long, BROKEN, attempt=9, handed_over=4) is None
    assert pause_after(long, Interrupted(), attempt=9, handed_over=7) == 30
    assert pause_after(long, Interrupted(), attempt=9, handed_over=6) is None


def test_only_what_may_pass_is_tried_again(long: Claim) -> None:
    assert pause_after(long, AccessDenied(host=HOST, repository="team/app")) is None
    assert pause_after(long, RegistryUnreachable(host=HOST, reason="it is away")) is not None


def test_no_attempt_begins_after_the_time_for_retries(held: Claim, clock: None) -> None:
    for left, pause in ((-1, None), (0, None), (1, 1.0), (5, 5.0)):
        Image.objects.update(retry_until=NOW + timedelta(seconds=left))
        assert pause_after(held, BROKEN) == pause, left


def test_a_registry_that_names_a_time_is_given_it_up_to_the_last_second(held: Claim, clock: None) -> None:
    Image.objects.update(retry_until=NOW + timedelta(seconds=100))
    for asked, pause in ((99.0, 99.0), (100.0, 100.0), (101.0, None)):
        assert pause_after(held, DigestMismatch(what="x", retry_after=asked)) == pause, asked
    assert 7.5 <= (pause_after(held, DigestMismatch(what="x", retry_after=1.0)) or 0) <= 12.5, "not sooner than usual"


def test_what_is_kept_until_then(
    held: Claim, project: Project, woken: list[tuple[str, str]], django_capture_on_commit_callbacks: Any
) -> None:
    listed = manifest(layer(1), layer(2))
    other = claimed(make_group(project, f"{HOST}/team/b:1", name="other"))
    for one in (held, other):
        fenced_writes.write_manifest(one, listed, b"{}", config_of(listed))
        fenced_writes.write_progress(one, {layer(2).digest: 5})
    fenced_writes.reuse_blob(held, layer(1), make_blob(held.image.organization))
    held.image.steps.create(attempt=1, name="layers")

    woken.clear()
    with django_capture_on_commit_callbacks(execute=True):
        outcome.fail(held, BROKEN, step="layers")

    image = image_of(held)
    assert (image.status, image.lease, image.lease_expires_at) == ("queued", None, None)
    assert (image.retry_code, image.retry_params) == ("digest_mismatch", {"what": "a layer"})
    assert (image.digest, image.settled_at, image.handed_over) == (listed.digest, None, 0)
    assert list(image.layers.order_by("position").values_list("received", flat=True)) == [10, 0]
    assert other.image.layers.get(position=1).received == 5
    assert Blob.objects.used().count() == 1
    assert Credential.objects.get().is_live
    assert image.steps.get().detail == "The downloaded data does not match its digest"
    assert held.image.groups.get().status == "pending"
    assert not Failure.objects.exists()
    assert woken == []
    attempt = FailedAttempt.objects.get()
    assert (attempt.code, attempt.step, attempt.final) == ("digest_mismatch", "layers", False)


def test_an_overdue_lease_is_settled_only_if_it_was_not_renewed(held: Claim) -> None:
    with pytest.raises(Stale):
        outcome.fail(held, Interrupted(), step="connect", overdue=True)
    assert image_of(held).status == "pulling"

    Image.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert outcome.fail(held, Interrupted(), step="connect", overdue=True)
    assert image_of(held).status == "queued"


def test_the_time_for_retries_is_by_the_databases_clock(held: Claim) -> None:
    """Also for a worker whose clock is an hour ahead or behind."""
    Image.objects.update(retry_until=timezone.now() + timedelta(minutes=15))
    now = timezone.now()
    for hours in (1, -1):
        Image.objects.update(status="pulling", lease=held.lease, attempt=1)
        with time_machine.travel(now + timedelta(hours=hours)):
            assert outcome.fail(held, BROKEN, step="connect")
        not_before = image_of(held).not_before
        assert not_before is not None
        assert abs(not_before - now) < timedelta(minutes=1)
