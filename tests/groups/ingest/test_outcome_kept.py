"""A final failure that is not about the credential keeps it: how long, for whom, and who ends it."""

from __future__ import annotations

from typing import Any

import pytest

from groups.actions import lifecycle, update
from groups.actions.suspension import suspend
from groups.actions.update import GroupChanges
from groups.failures import ImageTooLarge, OrganizationSuspended, StorageQuotaReached
from groups.ingest import outcome
from groups.ingest.claim import Claim
from groups.ingest.credential_hold import destroy_settled, stop_keeping
from groups.models import ContainerGroup, Failure, Image
from portal.models import ActivityText, Project
from registries.actions import destroy
from registries.credential_rows import NewCredential
from registries.failures import (
    AccessDenied,
    AuthenticationFailed,
    CredentialExpired,
    CredentialMalformed,
    CredentialTampered,
    HostNotAllowed,
    ImageNotFound,
    PlatformMissing,
    PullFailed,
    RegistryRefuses,
    RegistryUnreachable,
    ResolverFailed,
    TlsInvalid,
    Unexpected,
    UnsupportedManifest,
)
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from registries.oci.reference import parse
from tests.groups.ingest.conftest import HOST, claimed
from tests.support.actors import acting
from tests.support.pulls import make_credential, make_group

KEPT: list[PullFailed] = [
    AccessDenied(host=HOST, repository="team/app"),
    HostNotAllowed(host=HOST),
    ImageNotFound(host=HOST, repository="team/app", version="1.0"),
    ImageTooLarge(size="2 GB", limit="1 GB"),
    PlatformMissing(platform="linux/amd64", offered="linux/arm64"),
    RegistryRefuses(host=HOST, reply="412"),
    RegistryUnreachable(host=HOST, reason="it did not answer in time", retryable=False),
    ResolverFailed(host=HOST, retryable=False),
    StorageQuotaReached(used="1", limit="1", more="1"),
    TlsInvalid(host=HOST, case="expired"),
    Unexpected(),
    UnsupportedManifest(reason="x"),
]
LOST: list[PullFailed] = [
    AuthenticationFailed(host=HOST),
    CredentialExpired(host=HOST),
    CredentialMalformed(host=HOST, reason="x"),
    CredentialTampered(),
    OrganizationSuspended(),
]
REFUSES, REFUSED = KEPT[5], LOST[0]


def fail(held: Claim, failure: PullFailed) -> Credential:
    outcome.fail(held, failure, step="manifest")
    assert held.image.credential_id is not None
    return Credential.objects.get(pk=held.image.credential_id)


def recorded(action: str) -> list[str]:
    texts = ActivityText.objects.filter(activity__action=action).order_by("activity__id")
    return list(texts.values_list("detail", flat=True))


@pytest.mark.parametrize("failure", KEPT, ids=lambda failure: failure.code)
def test_it_lives_until_its_deadline(held: Claim, failure: PullFailed) -> None:
    before = Credential.objects.get()
    credential = fail(held, failure)
    assert credential.is_live
    assert (credential.deadline, credential.latest_deadline) == (before.deadline, before.latest_deadline)
    image = Image.objects.get(pk=held.image.pk)
    assert (image.status, image.keeps_credential) == ("failed", True)
    assert destroy_settled() == 0, "the sweeper lets it live as well"
    until = f"{credential.deadline:%H:%M} UTC"
    assert until in image.steps.get(name="destroy").detail
    assert recorded("credential.kept") == [f"{HOST}, its pull failed for another reason: until {until} at the latest"]
    assert recorded("credential.destroyed") == []


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: failure.code)
def test_what_failed_itself_is_destroyed_at_once(held: Claim, failure: PullFailed) -> None:
    credential = fail(held, failure)
    assert (credential.sealed, credential.destroyed_because) == (None, "settled")
    assert not Image.objects.get(pk=held.image.pk).keeps_credential
    assert recorded("credential.kept") == []


def test_one_click_tries_again_with_it(held: Claim) -> None:
    credential = fail(held, REFUSES)
    group = held.image.groups.get()
    lifecycle.retry(group, credential=credential, by=CONSOLE)
    credential.refresh_from_db()
    assert credential.is_live
    assert credential.latest_deadline is not None
    assert credential.deadline <= credential.latest_deadline
    again = Image.objects.get()
    assert (again.status, again.credential, again.keeps_credential) == ("queued", credential, False)
    outcome.finish(claimed(ContainerGroup.objects.get()))
    credential.refresh_from_db()
    assert credential.destroyed_because == "settled"


def test_another_one_in_its_place_ends_it(held: Claim, project: Project) -> None:
    credential = fail(held, REFUSES)
    other = make_credential(project.organization, HOST)
    lifecycle.retry(held.image.groups.get(), credential=other, by=CONSOLE)
    credential.refresh_from_db()
    other.refresh_from_db()
    assert (credential.destroyed_because, other.is_live) == ("settled", True)
    assert recorded("credential.destroyed") == [f"{HOST}, the pull ended"]


def test_a_retry_without_one_ends_it(held: Claim) -> None:
    credential = fail(held, REFUSES)
    lifecycle.retry(held.image.groups.get(), credential=None, by=CONSOLE)
    credential.refresh_from_db()
    assert not credential.is_held


def test_another_image_in_its_place_ends_it(held: Claim, alice: Any) -> None:
    credential = fail(held, REFUSES)
    changes = GroupChanges(reference=parse(f"{HOST}/team/other:1"))
    update.update(held.image.groups.get(), changes, by=acting(alice))
    credential.refresh_from_db()
    assert not credential.is_held


def test_deleting_its_group_ends_it(held: Claim, alice: Any) -> None:
    credential = fail(held, REFUSES)
    lifecycle.delete(held.image.groups.get(), by=acting(alice))
    credential.refresh_from_db()
    assert credential.destroyed_because == "settled"
    assert recorded("credential.destroyed") == [f"{HOST}, the pull ended"]


def test_a_member_destroys_it_now(held: Claim, alice: Any) -> None:
    credential = fail(held, REFUSES)
    assert destroy(credential, reason=Credential.DestructionReason.REMOVED, by=acting(alice))
    credential.refresh_from_db()
    assert credential.destroyed_because == "removed"


def test_suspending_the_organization_ends_it(held: Claim, project: Project, mallory: Any) -> None:
    theirs = mallory.organizations.get()
    other = claimed(
        make_group(theirs.projects.get(), f"{HOST}/team/app:1.0", credential=make_credential(theirs, HOST), name="o")
    )
    credential, bystander = fail(held, REFUSES), fail(other, REFUSES)
    suspend(project.organization_id, reason="abuse", by=CONSOLE)
    credential.refresh_from_db()
    bystander.refresh_from_db()
    assert (credential.is_held, bystander.is_held) == (False, True)
    assert stop_keeping(project.organization_id) == 0


def test_it_is_used_for_its_repository_only(project: Project, woken: object) -> None:
    typed = NewCredential(provider="self_hosted", name="typed", host=HOST, values={"username": "u", "password": "p"})
    held = claimed(make_group(project, f"{HOST}/team/app:1.0", credential=typed, name="typed"))  # type: ignore[arg-type]
    credential = fail(held, REFUSES)
    assert credential.repository == "team/app"
    live = Credential.objects.live()
    assert list(live.for_image(HOST, "team/app")) == [credential]
    assert not live.for_image(HOST, "team/other").exists()


class TestTwoPulls:
    """Of one credential."""

    @pytest.fixture
    def other(self, held: Claim, project: Project) -> Claim:
        credential = Credential.objects.get()
        return claimed(make_group(project, f"{HOST}/team/b:1", credential=credential, name="other"))

    @pytest.mark.parametrize("first", ["kept", "refused"])
    def test_a_refusal_ends_it_for_both_once_no_pull_needs_it(self, held: Claim, other: Claim, first: str) -> None:
        failures = (REFUSES, REFUSED) if first == "kept" else (REFUSED, REFUSES)
        fail(held, failures[0])
        assert Credential.objects.get().is_live, "the other pull needs it"
        fail(other, failures[1])
        assert Credential.objects.get().is_held == (first == "refused"), "the last one says whether it works"

    def test_one_that_succeeds_leaves_it_to_the_other(self, held: Claim, other: Claim) -> None:
        fail(held, REFUSES)
        outcome.finish(other)
        assert Credential.objects.get().is_live
        step = other.image.steps.get(name="destroy")
        assert step.detail.startswith("Kept to try a failed pull again")
        lifecycle.retry(held.image.groups.get(), credential=None, by=CONSOLE)
        assert not Credential.objects.get().is_held


def test_one_that_no_group_waits_for_keeps_none(held: Claim, project: Project) -> None:
    """As when the group was stopped or has another image by then."""
    ContainerGroup.objects.update(status="running")
    credential = fail(held, REFUSES)
    assert not credential.is_held
    assert not Failure.objects.exists()


def test_one_for_an_hour_is_kept_as_it_was(held: Claim) -> None:
    Credential.objects.update(hold="hour")
    credential = fail(held, REFUSES)
    assert credential.is_live
    assert recorded("credential.kept") == []
