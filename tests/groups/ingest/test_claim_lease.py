"""How long a lease lasts, how often it is renewed, what one lost beat does, and who may claim. The figures are written
down here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone
from pytest_django.fixtures import Settings

from groups.ingest import claim as claims
from groups.ingest.claim import Claim, claim, seize
from groups.models import ContainerGroup, Image, Quota
from groups.rules import quotas, states
from groups.rules.states import Stale
from portal.models import Organization, Project
from registries.failures import RegistryUnreachable
from registries.foundation.ids import OrganizationId
from tests.groups.ingest.conftest import HOST, claimed
from tests.support.pulls import make_group
from tests.support.quotas import set_quota


class Clock:
    """Replaces the thread of the heartbeat: `beats` are what happens at each, and `waits` how long before it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        self.beats: list[Callable[[], object]] = []
        self.closed = 0
        self.ended: list[bool] = []
        clock = self

        events: list[threading.Event] = []

        class Event(threading.Event):
            def __init__(self) -> None:
                super().__init__()
                events.append(self)

            def wait(self, timeout: float | None = None) -> bool:
                assert timeout is not None
                if len(clock.waits) == len(clock.beats):
                    return True
                clock.beats[len(clock.waits)]()
                clock.waits.append(timeout)
                clock.now += timeout
                return self.is_set()

        class Thread(threading.Thread):
            def start(self) -> None:
                assert self.daemon, "it keeps no worker from ending"
                self.run()

            def join(self, timeout: float | None = None) -> None:
                assert timeout is None
                clock.ended.append(events[-1].is_set())

        class Connection:
            def close(self) -> None:
                clock.closed += 1

        monkeypatch.setattr("groups.ingest.claim.threading", _Module(Event=Event, Thread=Thread))
        monkeypatch.setattr("groups.ingest.claim.time", _Module(monotonic=lambda: clock.now))
        monkeypatch.setattr("groups.ingest.claim.connection", Connection())
        monkeypatch.setattr("groups.ingest.claim.TURN_SECONDS", 60.0)

    def run(self, held: Claim, *beats: Callable[[], object]) -> int:
        """Let the heart beat; return how many times it did."""
        self.beats, self.waits = list(beats), []
        with held.kept_alive():
            pass
        return len(self.waits)


class _Module:
    def __init__(self, **names: object) -> None:
        self.__dict__.update(names)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def nothing() -> None:
    """A beat like any other."""


def seconds_left(image_id: Any = None) -> float:
    image = Image.objects.get(pk=image_id) if image_id else Image.objects.get()
    assert image.lease_expires_at is not None
    return (image.lease_expires_at - timezone.now()).total_seconds()


class TestHeartbeat:
    def test_twelve_beats_in_a_lease_of_a_minute(self, held: Claim, clock: Clock) -> None:
        def run_out() -> None:
            assert seconds_left() == pytest.approx(60, abs=10)
            Image.objects.update(lease_expires_at=timezone.now())

        assert clock.run(held, nothing, run_out, run_out) == 3

        assert clock.waits == [5.0, 5.0, 5.0]
        assert seconds_left() == pytest.approx(60, abs=10)
        assert clock.closed == 1, "the thread's own connection"
        assert clock.ended == [True], "the thread ends before anything else happens"

    def test_beats_that_the_database_misses_lose_nothing_before_the_lease_has_expired(
        self, held: Claim, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lost: list[str] = []
        held.when_lost.extend([lambda: lost.append("one"), lambda: lost.append("two")])
        monkeypatch.setattr(held, "renew", self.away)

        assert clock.run(held, *[nothing] * 12) == 12
        held.check()
        assert lost == []
        assert clock.closed == 13, "each failed beat closes what may be broken"

        assert clock.run(held, *[nothing] * 20) == 13, "the lease has expired: others may have the pull"
        with pytest.raises(Stale):
            held.check()
        assert lost == ["one", "two"]

    def test_a_beat_in_between_begins_the_time_again(
        self, held: Claim, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = iter([*[None] * 11, True, *[None] * 11, True])

        def renew() -> bool:
            return next(answers) or self.away()

        monkeypatch.setattr(held, "renew", renew)
        assert clock.run(held, *[nothing] * 24) == 24
        held.check()

    def test_a_claim_that_is_gone_is_lost_at_the_next_beat(self, held: Claim, clock: Clock) -> None:
        lost: list[str] = []
        held.when_lost.append(lambda: lost.append("aborted"))

        assert clock.run(held, nothing, lambda: Image.objects.update(status="ready"), nothing, nothing) == 2

        assert lost == ["aborted"]
        with pytest.raises(Stale):
            held.check()

    @staticmethod
    def away() -> bool:
        raise DatabaseError


def test_an_attempt_may_take_an_hour(project: Project, woken: object, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("groups.ingest.claim.time", _Module(monotonic=lambda: now))
    held = claim(make_group(project, f"{HOST}/team/app:1.0").image_id)
    assert held is not None

    now += 3600
    held.check()
    now += 0.1
    with pytest.raises(RegistryUnreachable) as late:
        held.check()
    assert (late.value.params["host"], late.value.raw) == (HOST, "deadline")


def test_only_the_holder_renews_and_only_while_it_pulls(held: Claim, project: Project, settings: Settings) -> None:
    other = make_group(project, f"{HOST}/team/b:1", name="other").image
    settings.PORTAL_LEASE_SECONDS = 500
    assert held.renew()
    assert seconds_left(held.image.pk) == pytest.approx(500, abs=10)
    assert Image.objects.get(pk=other.pk).lease_expires_at is None

    Image.objects.filter(pk=other.pk).update(lease=held.lease, status="pulling")
    Image.objects.filter(pk=held.image.pk).update(status="queued")
    assert not held.renew()
    assert Image.objects.get(pk=other.pk).lease_expires_at is None


class TestClaim:
    @pytest.fixture
    def group(self, project: Project, woken: object) -> ContainerGroup:
        return make_group(project, f"{HOST}/team/app:1.0")

    def test_the_next_attempt_has_a_lease_of_its_own(self, group: ContainerGroup) -> None:
        first = claim(group.image_id)
        assert first is not None
        started_at = Image.objects.get().started_at
        assert started_at is not None
        Image.objects.update(status="queued", not_before=timezone.now(), started_at=started_at - timedelta(hours=1))

        second = claim(group.image_id)

        assert second is not None
        image = Image.objects.get()
        assert (image.attempt, second.attempt, image.lease, image.not_before) == (2, 2, second.lease, None)
        assert second.lease != first.lease
        assert image.started_at == started_at - timedelta(hours=1)
        assert seconds_left() == pytest.approx(60, abs=10)

    @pytest.mark.parametrize("status", ["pulling", "ready", "failed"])
    def test_only_what_is_queued_is_claimed(self, group: ContainerGroup, status: str) -> None:
        Image.objects.update(status=status)
        assert claim(group.image_id) is None

    def test_it_is_due_to_the_second(self, group: ContainerGroup) -> None:
        Image.objects.update(not_before=timezone.now() + timedelta(seconds=2))
        assert claim(group.image_id) is None
        Image.objects.update(not_before=timezone.now() - timedelta(milliseconds=50))
        assert claim(group.image_id) is not None

    def test_what_was_queued_again_since_it_was_read_is_not_claimed(
        self, group: ContainerGroup, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        really = quotas.lock_organization

        def another_worker_fails_first(organization_id: OrganizationId) -> Any:
            Image.objects.update(not_before=timezone.now() + timedelta(seconds=10))
            return really(organization_id)

        monkeypatch.setattr("groups.rules.quotas.lock_organization", another_worker_fails_first)
        assert claim(group.image_id) is None
        assert Image.objects.get().attempt == 0
        assert Quota.objects.get(pk=group.organization_id).last_claim_at is None

    def test_one_that_another_worker_takes_in_between_is_not_claimed_again(
        self, group: ContainerGroup, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        really = states.move

        def move(image: Image, **changes: Any) -> None:
            Image.objects.update(status="pulling", attempt=1)
            really(image, **changes)

        monkeypatch.setattr("groups.ingest.claim.move", move)
        assert claim(group.image_id) is None
        assert Image.objects.get().attempt == 0, "what the attempt to claim has written is rolled back"
        assert Quota.objects.get(pk=group.organization_id).last_claim_at is None

    def test_a_suspended_organization_gets_none(self, group: ContainerGroup, mallory: Any) -> None:
        umbrella = Organization.objects.get(slug="umbrella")
        theirs = make_group(umbrella.projects.get(), f"{HOST}/team/app:1.0")
        set_quota(group.organization, suspended_at=timezone.now())

        assert claim(group.image_id) is None
        assert claim(theirs.image_id) is not None

    def test_its_own_pulls_count_against_its_limit(
        self, group: ContainerGroup, project: Project, mallory: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        umbrella = Organization.objects.get(slug="umbrella")
        for number in range(3):
            assert claim(make_group(umbrella.projects.get(), f"{HOST}/team/app:1.0", name=f"a{number}").image_id)
        second, third = (make_group(project, f"{HOST}/team/app:1.0", name=name) for name in ("second", "third"))
        set_quota(group.organization, max_pulls=2)
        locked: list[OrganizationId] = []
        really = quotas.lock_organization

        def lock(organization_id: OrganizationId) -> Any:
            locked.append(organization_id)
            return really(organization_id)

        monkeypatch.setattr("groups.rules.quotas.lock_organization", lock)

        assert claim(group.image_id) is not None
        assert claim(second.image_id) is not None
        assert claim(third.image_id) is None
        assert locked == [group.organization_id] * 2, "without room there is nothing to lock for"
        assert Image.objects.get(pk=third.image_id).attempt == 0
        Image.objects.filter(pk=second.image_id).update(status="ready")
        assert claim(third.image_id) is not None


class TestSeize:
    def test_one_that_another_worker_holds(self, held: Claim, project: Project) -> None:
        other = claimed(make_group(project, f"{HOST}/team/b:1", name="other"))
        Image.objects.update(lease_expires_at=timezone.now() - timedelta(hours=1))

        seized = seize(held.image.pk)

        assert seized is not None
        assert seized.lease == seized.image.lease != held.lease
        with other.fenced():
            pass
        with pytest.raises(Stale), held.fenced():
            pass
        with seized.fenced() as image:
            assert (image.status, image.attempt, seized.attempt) == ("pulling", 1, 1)
        assert seconds_left(held.image.pk) == pytest.approx(60, abs=10)

    def test_one_that_is_queued_whether_due_or_not(self, project: Project, woken: object) -> None:
        group = make_group(project, f"{HOST}/team/app:1.0")
        other = make_group(project, f"{HOST}/team/b:1", name="other")
        Image.objects.update(not_before=timezone.now() + timedelta(hours=1))

        seized = seize(group.image_id)

        assert seized is not None
        with seized.fenced() as image:
            assert (image.status, image.attempt, image.not_before) == ("pulling", 0, None)
        assert seconds_left(group.image_id) == pytest.approx(60, abs=10)
        assert Image.objects.get(pk=other.image_id).status == "queued"

    @pytest.mark.parametrize("status", ["ready", "failed"])
    def test_none_that_is_settled(self, held: Claim, status: str) -> None:
        Image.objects.update(status=status)
        assert seize(held.image.pk) is None
        assert Image.objects.get().lease == held.lease


def test_a_claim_is_behind_the_fence_only_as_the_caller_asks(held: Claim) -> None:
    with held.fenced(attempt=1) as image:
        assert image.pk == held.image.pk
    held.check()
    with pytest.raises(Stale), held.fenced(attempt=2):
        pass
    with pytest.raises(Stale):
        held.check()
    assert claims.MAX_ATTEMPT_SECONDS == 3600.0, "`max_pull_seconds` of credentials counts on it"
