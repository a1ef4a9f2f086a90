"""How a pull ends: what each end writes, and whose rows it leaves alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.ingest import fenced_writes, outcome
from groups.ingest.claim import Claim, claim
from groups.models import Blob, ContainerGroup, FailedAttempt, Failure, Image, Instance
from groups.rules.states import Stale
from portal.models import ActivityText, Organization, Project
from registries.credential_rows import empty_credential
from registries.failures import AccessDenied, AuthenticationFailed, DigestMismatch
from registries.foundation.clock import database_now
from registries.models import Credential
from tests.groups.ingest.conftest import HOST, claimed
from tests.support.manifests import config_of, layer, manifest
from tests.support.pulls import make_blob, make_credential, make_group

DENIED = AccessDenied(raw="403 DENIED", host=HOST, repository="team/app")
REFUSED = AuthenticationFailed(raw="401 UNAUTHORIZED", host=HOST)
BROKEN = DigestMismatch(what="a layer")


@pytest.fixture
def group(held: Claim) -> ContainerGroup:
    return held.image.groups.get()


def image_of(held: Claim) -> Image:
    return Image.objects.get(pk=held.image.pk)


def statuses() -> dict[str, str]:
    return dict(ContainerGroup.objects.values_list("name", "status"))


def destroy_step(held: Claim) -> str:
    step = held.image.steps.get(name="destroy", attempt=held.attempt, outcome="ok", finished_at__isnull=False)
    return step.detail


def share(held: Claim, project: Project, name: str, **columns: Any) -> ContainerGroup:
    """Another group with the same image."""
    made = make_group(project, f"{HOST}/team/other:1", name=name)
    ContainerGroup.objects.filter(pk=made.pk).update(**{"image": held.image, **columns})
    return ContainerGroup.objects.get(pk=made.pk)


class TestReady:
    def test_the_image_is_ready_and_each_group_that_waits_goes_on(self, held: Claim, project: Project) -> None:
        share(held, project, "starts", autostart=True, replicas=3)
        share(held, project, "failed", status="failed", autostart=True)
        make_group(project, f"{HOST}/team/app:1.0", name="elsewhere", autostart=True)
        Image.objects.filter(pk=held.image.pk).update(
            retry_code="interrupted", retry_params={"host": HOST}, not_before=timezone.now()
        )

        outcome.finish(held)

        image = image_of(held)
        assert (image.status, image.lease, image.lease_expires_at, image.not_before) == ("ready", None, None, None)
        assert (image.retry_code, image.retry_params) == ("", {})
        assert image.settled_at is not None
        assert statuses() == {"app": "stopped", "starts": "deploying", "failed": "failed", "elsewhere": "pending"}
        assert set(Instance.objects.values_list("group__name", "state")) == {("starts", "allocating")}
        assert Instance.objects.count() == 3
        assert not Failure.objects.exists()

    def test_a_group_that_waits_for_it_as_its_next_image_takes_it(self, held: Claim, project: Project) -> None:
        waiting = make_group(project, f"{HOST}/team/app:0.9", name="waiting")
        ContainerGroup.objects.filter(pk=waiting.pk).update(status="stopped", next_image=held.image)

        outcome.finish(held)

        waiting.refresh_from_db()
        assert (waiting.image, waiting.next_image, waiting.status) == (held.image, None, "stopped")


class TestCredential:
    """What becomes of it, and what the last step says of it, whether the pull succeeds or fails."""

    @pytest.fixture(params=["finish", "fail"])
    def end(self, request: pytest.FixtureRequest) -> Any:
        return outcome.finish if request.param == "finish" else lambda held: outcome.fail(held, REFUSED, step="connect")

    def test_it_is_destroyed_and_recorded(self, held: Claim, group: ContainerGroup, end: Any) -> None:
        end(held)

        credential = Credential.objects.get()
        assert (credential.sealed, credential.destroyed_because) == (None, "settled")
        assert destroy_step(held) == "Destroyed"
        text = ActivityText.objects.get(activity__action="credential.destroyed")
        assert (text.activity.organization, text.activity.target_key) == (credential.organization, str(credential.pk))
        assert (text.actor_name, text.detail) == ("Drayage", f"{HOST}, the pull ended")

    def test_another_pull_that_uses_it_keeps_it(self, held: Claim, project: Project, end: Any) -> None:
        credential = Credential.objects.get()
        other = make_group(project, f"{HOST}/team/b:1", credential=credential, name="other")
        make_credential(project.organization, HOST)
        end(held)
        credential.refresh_from_db()
        assert credential.is_live
        assert destroy_step(held) == "Kept until another pull that uses it has ended"

        end(claimed(other))
        assert [row.is_live for row in Credential.objects.order_by("received_at")] == [False, True]

    def test_one_for_an_hour_is_kept(self, held: Claim, end: Any) -> None:
        Credential.objects.update(hold="hour", deadline="2037-01-01T12:34:56Z")
        end(held)
        assert Credential.objects.get().is_live
        assert destroy_step(held) == "Kept for other groups until 12:34 UTC at most"

    def test_one_that_is_gone_stays_gone(self, held: Claim, end: Any) -> None:
        empty_credential(Credential.objects.get().pk, reason="removed")
        end(held)
        assert Credential.objects.get().destroyed_because == "removed"
        assert destroy_step(held) == "Destroyed already: a member removed it"

    def test_one_whose_row_is_gone(self, held: Claim, end: Any) -> None:
        Credential.objects.all().delete()
        end(held)
        assert destroy_step(held) == "It was gone already"

    def test_there_was_none(self, project: Project, woken: object, end: Any) -> None:
        held = claimed(make_group(project, f"{HOST}/team/app:1.0"))
        end(held)
        assert destroy_step(held) == "There was none"


class TestFailed:
    def test_each_group_that_waits_gets_its_failure(
        self, held: Claim, group: ContainerGroup, project: Project, mallory: Any
    ) -> None:
        share(held, project, "stopped", status="stopped")
        share(held, project, "also")
        updating = share(held, project, "updating", status="running")
        ContainerGroup.objects.filter(pk=updating.pk).update(
            image=make_group(project, f"{HOST}/team/app:0.9", name="old").image, next_image=held.image
        )
        make_group(Organization.objects.get(slug="umbrella").projects.get(), f"{HOST}/team/app:1.0", name="theirs")
        Image.objects.filter(pk=held.image.pk).update(attempt=2, handed_over=1)
        Credential.objects.update(deadline="2037-01-01T12:34:56Z")
        held.image.steps.create(attempt=1, name="resolve", outcome="failed")
        held.image.steps.create(attempt=2, name="resolve", outcome="ok")
        held.image.steps.create(attempt=2, name="connect")

        assert not outcome.fail(held, DENIED, step="connect")

        image = image_of(held)
        assert (image.status, image.lease, image.lease_expires_at, image.not_before) == ("failed", None, None, None)
        assert image.settled_at is not None
        assert statuses() == {
            "app": "failed",
            "also": "failed",
            "stopped": "stopped",
            "updating": "running",
            "old": "pending",
            "theirs": "pending",
        }
        assert sorted(Failure.objects.values_list("group__name", flat=True)) == ["also", "app", "updating"]
        failure = Failure.objects.get(group=group)
        assert (failure.organization_id, failure.group_name) == (group.organization_id, "app")
        assert (failure.reference, failure.registry, failure.provider) == (image.reference, HOST, "self_hosted")
        assert (failure.step, failure.code, failure.raw, failure.attempt) == (
            "connect",
            "access_denied",
            "403 DENIED",
            2,
        )
        assert failure.params == {"host": HOST, "repository": "team/app"}
        title = "The credentials may not read this repository"
        assert [(step["name"], step["outcome"], step["detail"]) for step in failure.trace] == [
            ("resolve", "ok", ""),
            ("connect", "failed", title),
            ("destroy", "ok", "Not yet: it is not what failed, and is kept to try again, until 12:34 UTC at most"),
        ]
        attempt = FailedAttempt.objects.get()
        assert (attempt.organization_id, attempt.kind, attempt.code, attempt.step, attempt.final) == (
            group.organization_id,
            "self_hosted",
            "access_denied",
            "connect",
            True,
        )

    def test_its_layers_are_let_go_and_nobody_elses(
        self, held: Claim, project: Project, blobs: Any, woken_after: Any
    ) -> None:
        other = claimed(make_group(project, f"{HOST}/team/b:1", name="other"))
        for one in (held, other):
            listed = manifest(layer(1), layer(2))
            fenced_writes.write_manifest(one, listed, b"{}", config_of(listed))
        own, shared = (make_blob(project.organization, source_digest=layer(n).digest) for n in (1, 2))
        for number, blob in ((1, own), (2, shared)):
            fenced_writes.reuse_blob(held, layer(number), blob)
        fenced_writes.reuse_blob(other, layer(2), shared)

        with woken_after():
            outcome.fail(held, DENIED, step="store")

        assert list(Blob.objects.all()) == [shared]
        assert not held.image.layers.exclude(blob=None, committed_at=None, received=0).exists()
        assert other.image.layers.get(position=1).blob == shared

    def test_a_pull_that_must_not_go_on_fails_whoever_holds_it(self, held: Claim, project: Project) -> None:
        queued = make_group(project, f"{HOST}/team/b:1", name="queued")
        held.image.steps.create(attempt=1, name="connect", outcome="ok")
        held.image.steps.create(attempt=1, name="authenticate")

        assert outcome.fail_unsettled(held.image.pk, DENIED)
        assert outcome.fail_unsettled(queued.image_id, DENIED)
        assert not outcome.fail_unsettled(held.image.pk, DENIED)

        with pytest.raises(Stale), held.fenced():
            pass
        assert statuses() == {"app": "failed", "queued": "failed"}
        assert dict(Failure.objects.values_list("group__name", "step")) == {"app": "authenticate", "queued": "resolve"}
        assert Failure.objects.count() == 2

    def test_one_that_its_worker_settles_at_the_same_time_is_left_to_it(
        self, held: Claim, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def another_seizes_it_first(image: Image) -> str:
            Image.objects.update(lease=None, status="ready")
            return "connect"

        monkeypatch.setattr(outcome, "last_step", another_seizes_it_first)
        assert not outcome.fail_unsettled(held.image.pk, DENIED)
        assert statuses() == {"app": "pending"}


class TestReleased:
    def test_it_is_queued_for_another_worker_and_no_attempt_is_lost(
        self, held: Claim, project: Project, woken_after: Any
    ) -> None:
        other = claimed(make_group(project, f"{HOST}/team/b:1", name="other"))
        for one in (held, other):
            listed = manifest(layer(1), layer(2))
            fenced_writes.write_manifest(one, listed, b"{}", config_of(listed))
            fenced_writes.write_progress(one, {layer(2).digest: 5})
        fenced_writes.reuse_blob(held, layer(1), make_blob(held.image.organization))
        held.image.steps.create(attempt=1, name="layers")
        Image.objects.filter(pk=held.image.pk).update(handed_over=1, not_before=timezone.now())

        with woken_after() as woken:
            outcome.release(held)

        image = image_of(held)
        assert (image.status, image.lease, image.lease_expires_at, image.not_before) == ("queued", None, None, None)
        assert (image.attempt, image.handed_over) == (1, 2)
        assert list(image.layers.order_by("position").values_list("received", flat=True)) == [10, 0]
        assert other.image.layers.get(position=1).received == 5
        assert woken == [("pulls", str(image.pk))]
        step = image.steps.get()
        assert (step.outcome, step.detail) == ("failed", "Handed over to another worker")
        assert Credential.objects.get().is_live
        assert not FailedAttempt.objects.exists()
        assert claim(image.pk) is not None

    @pytest.mark.parametrize(("left", "latest", "expected"), [(60, 8000, 4500), (60, 1000, 1000), (-1, 8000, -1)])
    def test_its_credential_is_kept_while_it_waits_again(
        self, held: Claim, left: int, latest: int, expected: int
    ) -> None:
        """A pull that makes room again and again waits as long as others work. What has expired stays so."""
        now = database_now()
        columns = {"deadline": left, "latest_deadline": latest}
        Credential.objects.update(**{name: now + timedelta(seconds=seconds) for name, seconds in columns.items()})
        outcome.release(held, yielding=True)
        deadline = Credential.objects.get().deadline
        assert (deadline - now).total_seconds() == pytest.approx(expected, abs=30)
