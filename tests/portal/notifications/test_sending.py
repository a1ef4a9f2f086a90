"""Which events are sent, and who gets them by mail; jobs as workers run them."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils.module_loading import import_string

from groups.delivery import ledger
from groups.models import ContainerGroup, Failure, NodeToken, Occurrence
from groups.rules import events
from groups.rules.states import move
from portal.models import EmailChoice, Notice
from portal.notifications import jobs, sending, subscriptions
from registries.foundation.clock import database_now
from tests.portal.notifications.conftest import IMAGE, PAGE, Receiver
from tests.support.actors import acting
from tests.support.admin_rows import make_rows
from tests.support.pulls import make_group


class TestReplays:
    def test_a_replayed_token_is_reported_once_an_hour(
        self, acme: Any, alice: Any, hook: Any, receiver: Receiver, work: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        token = make_rows(acme, alice)[NodeToken]
        for _ in range(3):
            with django_capture_on_commit_callbacks(execute=True):
                ledger.refused(token, "someone", "192.0.2.1", ledger.Reason.REPLAYED)
        work()

        ((_, body),) = [got for got in receiver.got if b"replay" in got[1]]
        message = json.loads(body)
        assert message["type"] == "group.replay_refused"
        assert message["data"]["group"] == token.group_name

    def test_a_token_that_ran_out_is_no_replay(self, acme: Any, alice: Any) -> None:
        token = make_rows(acme, alice)[NodeToken]
        ledger.refused(token, "someone", "192.0.2.1", ledger.Reason.EXPIRED)

        assert not Occurrence.objects.filter(kind="group.replay_refused").exists()

    def test_a_replay_silences_no_other_groups(self, acme: Any, mallory: Any, project: Any) -> None:
        def reported(organization: Any, group: ContainerGroup | None, name: str = "web") -> bool:
            before = Occurrence.objects.count()
            events.note_replay(NodeToken(organization=organization, group=group, group_name=name, node_name="n"))
            return Occurrence.objects.count() > before

        second = acme.projects.create(slug="second", name="Second")
        one, other = (make_group(place, IMAGE, name="web") for place in (project, second))
        assert [reported(acme, one), reported(acme, one)] == [True, False]
        assert reported(acme, other)
        assert reported(mallory.organizations.get(), None)
        assert [reported(acme, None), reported(acme, None), reported(acme, None, "api")] == [True, False, True]

        row = Occurrence.objects.earliest("pk")
        assert (row.kind, row.node_name) == ("group.replay_refused", "n")
        for age, again in ((timedelta(hours=1, seconds=-5), False), (timedelta(hours=1, seconds=1), True)):
            Occurrence.objects.update(created_at=database_now() - age)
            assert reported(acme, one) is again


class TestMail:
    @pytest.fixture(autouse=True)
    def _sends(self, settings: Any) -> None:
        settings.PORTAL_SENDS_MAIL = True

    def test_whoever_created_the_group_gets_its_failure_by_mail(
        self, group: ContainerGroup, happens: Any, bob: Any, carol: Any
    ) -> None:
        happens(group, "failed", failure=True)

        (sent,) = mail.outbox
        failure = Failure.objects.get()
        assert sent.to == [bob.email]
        assert failure.words.title in sent.subject
        assert failure.words.remedy in str(sent.body)
        assert f"/failures/{failure.pk}/" in str(sent.body)
        assert PAGE in str(sent.body)

    def test_as_each_chose(self, group: ContainerGroup, happens: Any, member: Client, carol: Any, as_user: Any) -> None:
        nothing = dict.fromkeys(("failed", "ready", "running", "replay_refused"), "no")
        assert member.post(PAGE, nothing).status_code == 302
        as_user(carol).post(PAGE, nothing | {"ready": "all"})
        as_user(group.organization.memberships.get(role="owner").user).post(PAGE, nothing | {"ready": "mine"})

        happens(group, "stopped")

        assert [sent.to for sent in mail.outbox] == [[carol.email]]
        assert "ready" in mail.outbox[0].subject

    def test_not_over_and_over(self, group: ContainerGroup, happens: Any, bob: Any, acme: Any) -> None:
        EmailChoice.objects.create(organization=acme, user=bob, wanted={"group.running": "all"})
        happens(group, "deploying")
        for _ in range(3):
            happens(group, "running")
            happens(group, "deploying")

        assert len(mail.outbox) == 1

    def test_a_groups_failure_silences_no_other(
        self, group: ContainerGroup, happens: Any, bob: Any, acme: Any, mallory: Any
    ) -> None:
        """The same group again within the hour is silent. Others are not: of the same project, of the same name in
        another project, of the same name in another organization; nor is another event of the same group."""
        by = acting(bob)
        umbrella = mallory.organizations.get()
        umbrella.memberships.create(user=bob, role="member")
        others = [
            make_group(group.project, IMAGE, name="api", by=by),
            make_group(acme.projects.create(slug="second", name="Second"), IMAGE, name="web", by=by),
            make_group(umbrella.projects.get(), IMAGE, name="web", by=by),
        ]
        for number, failing in enumerate([group, *others], 1):
            happens(failing, "failed", failure=True)
            assert len(mail.outbox) == number

        ContainerGroup.objects.update(status="pending")
        for failing in (group, *others):
            failing.refresh_from_db()
            happens(failing, "failed", failure=True)
        assert len(mail.outbox) == 4

        ContainerGroup.objects.update(status="pending")
        EmailChoice.objects.create(organization=acme, user=bob, wanted={"group.ready": "mine"})
        group.refresh_from_db()
        happens(group, "stopped")
        assert [sent.to for sent in mail.outbox[4:]] == [[bob.email]]

    def test_deleted_groups_are_told_apart_by_name_and_organization(self, bob: Any, acme: Any, mallory: Any) -> None:
        umbrella = mallory.organizations.get()
        umbrella.memberships.create(user=bob, role="member")
        for organization in (acme, umbrella):
            EmailChoice.objects.create(organization=organization, user=bob, wanted={"group.failed": "all"})

        def mails(organization: Any, name: str) -> int:
            row = Occurrence.objects.create(organization=organization, group_name=name, kind="group.failed")
            return sending.fan_out(row.pk)

        assert [mails(acme, "web"), mails(acme, "web"), mails(acme, "api"), mails(umbrella, "web")] == [1, 0, 1, 1]

    def test_an_hour_later_again_and_to_others_at_once(
        self, group: ContainerGroup, happens: Any, alice: Any, bob: Any, acme: Any
    ) -> None:
        happens(group, "failed", failure=True)
        EmailChoice.objects.create(organization=acme, user=alice, wanted={"group.failed": "all"})
        for age, receivers in (
            (timedelta(hours=1, seconds=-5), [alice.email]),
            (timedelta(hours=1, seconds=1), [bob.email, alice.email]),
        ):
            mail.outbox.clear()
            Notice.objects.update(created_at=database_now() - age)
            ContainerGroup.objects.update(status="pending")
            group.refresh_from_db()
            happens(group, "failed", failure=True)
            assert sorted(sent.to[0] for sent in mail.outbox) == sorted(receivers)

    def test_whoever_left_gets_no_mail(self, group: ContainerGroup, happens: Any, bob: Any, acme: Any) -> None:
        acme.memberships.filter(user=bob).delete()
        happens(group, "failed", failure=True)

        assert mail.outbox == []

    def test_whoever_is_deactivated_gets_no_mail(self, group: ContainerGroup, happens: Any, bob: Any) -> None:
        bob.is_active = False
        bob.save()
        happens(group, "failed", failure=True)

        assert mail.outbox == []

    def test_a_choice_is_for_one_organization(
        self, group: ContainerGroup, happens: Any, bob: Any, acme: Any, mallory: Any
    ) -> None:
        umbrella, by = mallory.organizations.get(), acting(bob)
        umbrella.memberships.create(user=bob, role="member")
        assert subscriptions.choose_emails(acme.pk, {"group.failed": "all"}, by=by)
        assert subscriptions.choose_emails(umbrella.pk, {"group.failed": "no"}, by=by)
        assert not subscriptions.choose_emails(acme.pk, {"group.failed": "all"}, by=by)
        happens(make_group(umbrella.projects.get(), IMAGE, by=by), "failed", failure=True)
        assert mail.outbox == []
        happens(group, "failed", failure=True)
        assert [sent.to for sent in mail.outbox] == [[bob.email]]

    def test_without_mail_nobody_is_written_to(self, group: ContainerGroup, happens: Any, settings: Any) -> None:
        settings.PORTAL_SENDS_MAIL = settings.PORTAL_PRINTS_MAIL = False
        happens(group, "failed", failure=True)
        assert not Notice.objects.exists()

        settings.PORTAL_PRINTS_MAIL = True
        ContainerGroup.objects.update(status="pending")
        group.refresh_from_db()
        happens(group, "failed", failure=True)
        assert Notice.objects.get().status == "sent"


@pytest.mark.django_db(transaction=True)
def test_jobs_are_where_they_are_sent_and_never_raise(
    project: Any, woken: list[tuple[str, str]], settings: Any
) -> None:
    move(make_group(project, IMAGE), to="stopped")
    ((name, occurrence),) = [job for job in woken if job[0] == "fan_out"]

    import_string(settings.WAKEUP_JOBS[name])(occurrence)
    assert Occurrence.objects.get().fanned_out_at is not None
    for odd in ("", "x", str(uuid.uuid4())):
        jobs.tell(odd)
        jobs.deliver(odd)
