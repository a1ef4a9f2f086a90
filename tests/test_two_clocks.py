"""The database's clock decides every limit: all tests here run with the application's an hour behind and an hour ahead.

That of the database stays as it is. Rows are put a second before and after a limit by `database_now()`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client

from groups.actions import checks
from groups.actions.lifecycle import start
from groups.ingest import failed_attempts, outcome
from groups.ingest.claim import claim
from groups.ingest.steps import Name, PullSteps
from groups.models import FailedAttempt, Failure, Image, ImageCheck, Instance, NodeToken, Occurrence
from groups.nodes.report import Reported
from groups.nodes.restarts import before_restart
from groups.queries.attention import count_alerts
from groups.queries.group_detail import group_detail
from groups.queries.metrics import GroupMetrics
from groups.queries.outages import SPANS, current_outages, series
from groups.rules import events
from groups.rules.states import move
from groups.sweep import expire_leases, remove_images, sweep, wake_pulls
from portal.mail.sending import Outcome
from portal.models import ApiKey, Invitation, Notice, SupportLook, SupportRequest, Webhook
from portal.notifications import sending, webhooks
from portal.organizations import api_keys, invitations
from portal.organizations.errors import TeamRefused
from portal.support import conversations
from portal.support.desk import actions as desk
from portal.support.desk.filters import Filters, filtered
from registries import actions as credentials
from registries.failures import RegistryUnreachable
from registries.foundation.actor import CONSOLE, PORTAL
from registries.foundation.clock import database_now
from registries.models import Credential
from registries.oci.reference import parse
from tests.support.actors import acting
from tests.support.conversations import failure_of
from tests.support.pulls import make_credential, make_group

HOST = "registry.example.com"
IMAGE = f"{HOST}/team/app:1"
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True, params=[-1, 1], ids=["an hour behind", "an hour ahead"])
def _application_clock(request: pytest.FixtureRequest) -> Iterator[None]:
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=request.param)):
        yield


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of rows that a worker was woken for. Redis is not asked."""
    ids: list[str] = []
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda queue, function, row_id: ids.append(row_id))
    monkeypatch.setattr("groups.rules.wakeups.waiting", lambda queue: 0)
    monkeypatch.setattr("portal.notifications.sending.waiting", lambda queue: 0)
    return ids


def ago(*, seconds: float = 0, **more: float) -> datetime:
    return database_now() - timedelta(seconds=seconds, **more)


def in_about(moment: datetime | None, **span: float) -> bool:
    """Whether the moment is that far from the database's time, to a minute."""
    return moment is not None and abs(moment - database_now() - timedelta(**span)) < MINUTE


class TestNotices:
    @pytest.fixture(autouse=True)
    def _sends_mail(self, settings: Any) -> None:
        settings.PORTAL_SENDS_MAIL = True

    @pytest.fixture
    def notice(self, project: Any, bob: Any) -> Notice:
        """The mail to bob about his group's failure, fanned out and not sent."""
        group = make_group(project, IMAGE, by=acting(bob))
        move(group, to="failed")
        assert sending.fan_out(Occurrence.objects.get().pk) == 1
        return Notice.objects.get()

    def test_what_is_fanned_out_is_due_at_once(self, notice: Notice) -> None:
        assert in_about(notice.created_at)
        assert notice.due_at <= database_now()
        assert sending.deliver(notice.pk)
        assert len(mail.outbox) == 1

    def test_the_pause_before_another_attempt(self, notice: Notice, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as refused:
            refused.setattr("portal.mail.sending.send", lambda *mail: Outcome.NOT_SENT)
            assert not sending.deliver(notice.pk)
        notice.refresh_from_db()
        assert 7 < (notice.due_at - database_now()).total_seconds() <= 12

        assert not sending.deliver(notice.pk)
        Notice.objects.update(due_at=ago(seconds=1))
        assert sending.deliver(notice.pk)

    def test_one_mail_an_hour(self, notice: Notice) -> None:
        occurrence = Occurrence.objects.get()
        again = Occurrence.objects.create(
            organization=occurrence.organization, group=occurrence.group, group_name=occurrence.group_name,
            kind=occurrence.kind,
        )  # fmt: skip
        Notice.objects.update(created_at=ago(minutes=59))
        assert sending.fan_out(again.pk) == 0

        Occurrence.objects.update(fanned_out_at=None)
        Notice.objects.update(created_at=ago(minutes=61))
        assert sending.fan_out(again.pk) == 1

    def test_a_lost_wake_up_is_found_after_ten_seconds_and_old_events_go_after_thirty_days(
        self, notice: Notice, woken: list[str], django_capture_on_commit_callbacks: Any
    ) -> None:
        def swept() -> tuple[int, int]:
            with django_capture_on_commit_callbacks(execute=True):
                counts = sending.sweep()
            return counts["notices_woken"], counts["events_deleted"]

        Occurrence.objects.update(fanned_out_at=None, created_at=ago(seconds=8))
        Notice.objects.update(due_at=ago(seconds=8))
        assert swept() == (0, 0)
        Occurrence.objects.update(created_at=ago(seconds=12))
        Notice.objects.update(due_at=ago(seconds=12))
        assert swept() == (2, 0)
        assert woken[-2:] == [str(notice.occurrence_id), str(notice.pk)]

        Occurrence.objects.update(fanned_out_at=ago(seconds=1), created_at=ago(days=30, seconds=-60))
        Notice.objects.update(status="sent")
        assert swept() == (0, 0)
        Occurrence.objects.update(created_at=ago(days=30, seconds=60))
        assert swept() == (0, 2)

    def test_a_webhook_that_fails_for_three_days_is_switched_off(
        self, acme: Any, alice: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row, _ = webhooks.add(acme, address="http://127.0.0.1:9/", kinds=["group.failed"], by=acting(alice))
        test = webhooks.test(row, by=acting(alice))
        assert test is not None
        for since, is_off in ((timedelta(days=3) - MINUTE, False), (timedelta(days=3) + MINUTE, True)):
            Webhook.objects.update(failing_since=database_now() - since)
            Notice.objects.update(due_at=ago(seconds=1))
            assert not sending.deliver(test.pk)
            assert (Webhook.objects.get().off_since is not None) is is_off

    def test_a_rotated_secret_signs_for_a_day(self, acme: Any, alice: Any, as_user: Any) -> None:
        row, old = webhooks.add(acme, address="https://hooks.example.com/", kinds=[], by=acting(alice))
        new = webhooks.rotate(row, by=acting(alice))
        row.refresh_from_db()
        assert in_about(row.previous_until, hours=24)

        page = f"/o/acme/settings/notifications/webhooks/{row.pk}/"
        for left, secrets in ((MINUTE, [new, old]), (-MINUTE, [new])):
            Webhook.objects.update(previous_until=database_now() + left)
            row.refresh_from_db()
            assert webhooks.secrets_of(row) == secrets
            assert as_user(alice).get(page).context["both"] is (left > timedelta(0))

    def test_a_replay_is_reported_once_an_hour(self, acme: Any) -> None:
        token = NodeToken(organization=acme, group_name="web", node_name="n1")
        events.note_replay(token)
        for age, count in ((59, 1), (61, 2)):
            Occurrence.objects.update(created_at=ago(minutes=age))
            events.note_replay(token)
            assert Occurrence.objects.count() == count


class TestPeople:
    def test_an_invitation_is_open_for_seven_days(self, acme: Any, alice: Any, as_user: Any) -> None:
        row, token = invitations.invite(acme, email="nina@acme.example", role="member", by=acting(alice))
        assert in_about(row.created_at)
        assert in_about(row.expires_at, days=7)

        page, members = f"/invitations/{token}/", "/o/acme/settings/members/"
        for left, status in ((MINUTE, 200), (-MINUTE, 410)):
            Invitation.objects.update(expires_at=database_now() + left)
            assert Client().get(page).status_code == status
            assert ("Withdraw the invitation" in as_user(alice).get(members).text) is (status == 200)
        assert not invitations.withdraw(row, by=acting(alice))

    def test_invitations_a_day(self, acme: Any, alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(invitations, "MAX_INVITATIONS_A_DAY", 1)
        invitations.invite(acme, email="nina@acme.example", role="member", by=acting(alice))
        Invitation.objects.update(created_at=ago(hours=24, seconds=-60))
        with pytest.raises(TeamRefused):
            invitations.invite(acme, email="otto@acme.example", role="member", by=acting(alice))
        Invitation.objects.update(created_at=ago(hours=24, seconds=60))
        invitations.invite(acme, email="otto@acme.example", role="member", by=acting(alice))

    def test_an_api_key_expires(self, acme: Any, alice: Any, as_user: Any) -> None:
        browser, page = as_user(alice), "/o/acme/settings/api-keys/"
        assert browser.post(f"{page}create/", {"name": "ci", "scope": "read", "days": "30"}).status_code == 200
        assert in_about(ApiKey.objects.get().expires_at, days=30)

        _, key = api_keys.create_key(organization_id=acme.pk, name="m", scope="read", by=CONSOLE)
        ApiKey.objects.exclude(name="m").delete()
        for left, lives in ((MINUTE, True), (-MINUTE, False)):
            ApiKey.objects.update(expires_at=database_now() + left)
            assert (api_keys.find_live_key(key) is not None) is lives
            assert ("Rotate m" in browser.get(page).text) is lives

    def test_the_use_of_a_key_is_recorded_once_a_minute(self, acme: Any) -> None:
        row, key = api_keys.create_key(organization_id=acme.pk, name="m", scope="read", by=CONSOLE)
        for age, is_new in ((55, False), (65, True)):
            before = ago(seconds=age)
            ApiKey.objects.update(last_used_at=before)
            assert api_keys.find_live_key(key) == row
            used = ApiKey.objects.get().last_used_at
            assert used is not None
            assert (used > before) is is_new

    def test_the_same_question_within_ten_minutes(self, acme: Any, bob: Any) -> None:
        asked = conversations.ask(acme, by=acting(bob), kind="other", message="Why?")
        assert in_about(asked.created_at)
        assert in_about(asked.asked_at)
        SupportRequest.objects.update(created_at=ago(minutes=9))
        with pytest.raises(conversations.AskedAlready):
            conversations.ask(acme, by=acting(bob), kind="other", message="Why?")
        SupportRequest.objects.update(created_at=ago(minutes=11))
        conversations.ask(acme, by=acting(bob), kind="other", message="Why?")

    def test_what_support_views_and_finds(self, acme: Any, sam: Any) -> None:
        failure = failure_of(acme)
        desk.log_view(failure, by=acting(sam), saw_all=False)
        view = SupportLook.objects.get()
        assert in_about(view.last_at)
        assert view.day == database_now().date()
        for age, is_new in ((55, False), (65, True)):
            before = ago(seconds=age)
            SupportLook.objects.update(last_at=before)
            desk.log_view(failure, by=acting(sam), saw_all=False)
            assert (SupportLook.objects.get().last_at > before) is is_new

        for span, found in ((timedelta(hours=24) - MINUTE, 1), (timedelta(hours=24) + MINUTE, 0)):
            Failure.objects.update(created_at=database_now() - span)
            assert filtered(sam, Filters(age="day"))[0].count() == found


class TestPulls:
    def test_a_credential_is_kept_for_an_hour(self, acme: Any) -> None:
        row = make_credential(acme, HOST)
        assert in_about(row.received_at)
        assert in_about(row.deadline, hours=1)
        for left, lives in ((MINUTE, True), (-MINUTE, False)):
            Credential.objects.update(deadline=database_now() + left)
            row.refresh_from_db()
            assert (row.is_live, Credential.objects.live().exists()) == (lives, lives)
        assert credentials.destroy_overdue(by=PORTAL) == 1

    def test_a_pull_and_its_lease(self, project: Any, settings: Any) -> None:
        credential = make_credential(project.organization, HOST)
        group = make_group(project, IMAGE, credential=credential)
        credential.refresh_from_db()
        retry = settings.PORTAL_PULL_RETRY_SECONDS
        assert in_about(credential.deadline, seconds=retry + 3600)
        assert in_about(group.image.created_at)
        assert in_about(group.image.retry_until, seconds=retry)
        assert in_about(group.created_at)
        assert in_about(group.changed_at)

        claimed = claim(group.image_id)
        assert claimed is not None
        group.image.refresh_from_db()
        with PullSteps(claimed).step(Name.RESOLVE):
            line = next(line for line in group_detail(group).steps if line.name == "resolve")
            assert line.seconds is not None
            assert 0 <= line.seconds < 60
        assert expire_leases() == 0

        assert outcome.fail(claimed, RegistryUnreachable(host=HOST, reason="gone"), step="resolve")
        image = Image.objects.get()
        assert image.not_before is not None
        assert timedelta(0) < image.not_before - database_now() < MINUTE
        assert claim(image.pk) is None
        Image.objects.update(not_before=ago(seconds=1))
        assert claim(image.pk) is not None
        Image.objects.update(lease_expires_at=ago(seconds=1))
        assert expire_leases() == 1

    def test_the_last_attempt_starts_before_the_end_of_the_time_for_retries(self, project: Any) -> None:
        group = make_group(project, IMAGE)
        for left, again in ((timedelta(seconds=30), True), (-SECOND, False)):
            Image.objects.update(status="queued", not_before=None, retry_until=database_now() + left)
            claimed = claim(group.image_id)
            assert claimed is not None
            assert outcome.fail(claimed, RegistryUnreachable(host=HOST, reason="gone"), step="resolve") is again

    def test_what_the_sweeper_wakes_and_removes(
        self, project: Any, woken: list[str], django_capture_on_commit_callbacks: Any, settings: Any
    ) -> None:
        group = make_group(project, IMAGE)
        for age, count in ((8, 0), (12, 1)):
            Image.objects.update(created_at=ago(seconds=age))
            assert wake_pulls() == count
        image_id = group.image_id
        group.delete()
        for more, count in ((-60, 0), (60, 1)):
            Image.objects.update(created_at=ago(seconds=settings.PORTAL_BLOB_GRACE_SECONDS + more))
            assert remove_images() == count
        assert not Image.objects.filter(pk=image_id).exists()

    def test_checks(self, acme: Any) -> None:
        row = checks.start_check(organization_id=acme.pk, reference=parse(IMAGE), credential=None, by=CONSOLE)
        assert in_about(row.created_at)
        assert in_about(row.expires_at, seconds=300)
        for age, count in ((8, 0), (12, 1)):
            ImageCheck.objects.update(created_at=ago(seconds=age))
            assert checks.wake_queued() == count
        for left, count in ((MINUTE, 0), (-MINUTE, 1)):
            ImageCheck.objects.update(expires_at=database_now() + left)
            assert checks.end_overdue() == count
        for age, count in ((59 * 60, 0), (61 * 60, 1)):
            ImageCheck.objects.update(created_at=ago(seconds=age))
            assert checks.remove_old() == count

    def test_limits_of_checks(self, acme: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def check() -> None:
            checks.start_check(organization_id=acme.pk, reference=parse(IMAGE), credential=None, by=CONSOLE)

        monkeypatch.setattr(checks, "MAX_AT_ONCE", 1)
        check()
        ImageCheck.objects.update(expires_at=database_now() + MINUTE)
        with pytest.raises(checks.TooManyChecks):
            check()
        ImageCheck.objects.update(expires_at=ago(minutes=1))
        check()

        monkeypatch.setattr(checks, "MAX_AT_ONCE", 100)
        monkeypatch.setattr(checks, "MAX_AN_HOUR", 2)
        ImageCheck.objects.update(created_at=ago(minutes=59))
        with pytest.raises(checks.TooManyChecks):
            check()
        ImageCheck.objects.update(created_at=ago(minutes=61))
        check()

    def test_charts_and_alerts(self, acme: Any) -> None:
        assert count_alerts().sweeper_is_missing
        sweep(thorough=False)
        seconds = count_alerts().sweeper_seconds
        assert seconds is not None
        assert seconds < 60

        rows = [
            FailedAttempt(organization=acme, kind="docker_hub", code="registry_unreachable", step="connect", final=True)
            for _ in range(5)
        ]
        FailedAttempt.objects.bulk_create(rows)
        assert in_about(rows[0].created_at)
        assert [outage.count for outage in current_outages()] == [5]
        shown = series(SPANS["hours"])
        assert sum(sum(counts) for counts in shown.by_kind.values()) == 5
        assert timedelta(0) <= database_now() - shown.moments[-1] <= timedelta(hours=1)
        for age, count in ((timedelta(days=30) - MINUTE, 0), (timedelta(days=30) + MINUTE, 5)):
            FailedAttempt.objects.update(created_at=database_now() - age)
            assert failed_attempts.delete_old() == count

    def test_how_long_a_pull_has_waited(self, project: Any) -> None:
        group = make_group(project, IMAGE)
        Image.objects.filter(pk=group.image_id).update(created_at=ago(minutes=5))
        (waited,) = (family for family in GroupMetrics().collect() if family.name == "drayage_pull_wait_seconds")

        assert 300 <= waited.samples[0].value < 360

    def test_an_instance_that_ran_for_ten_minutes_is_steady(self, project: Any) -> None:
        group = make_group(project, IMAGE)
        move(group, to="stopped")
        start(group, by=CONSOLE)
        instance = Instance.objects.get()
        assert in_about(instance.created_at)
        assert in_about(instance.changed_at)

        instance.state, instance.exits = "running", 3
        reported = Reported(instance.pk, "exited", exit_code=1)
        for minutes, exits in ((9, 4), (11, 1)):
            instance.changed_at = ago(minutes=minutes)
            assert before_restart(instance, reported).values["exits"] == exits
