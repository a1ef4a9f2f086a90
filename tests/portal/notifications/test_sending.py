"""Which events are sent, and who gets them by mail; jobs as workers run them."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils.module_loading import import_string

from groups.delivery import ledger
from groups.models import ContainerGroup, Failure, NodeToken, Occurrence
from groups.rules.states import move
from portal.models import EmailChoice
from portal.notifications import jobs
from tests.portal.notifications.conftest import IMAGE, PAGE, Receiver
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

    def test_whoever_left_gets_no_mail(self, group: ContainerGroup, happens: Any, bob: Any, acme: Any) -> None:
        acme.memberships.filter(user=bob).delete()
        happens(group, "failed", failure=True)

        assert mail.outbox == []


@pytest.mark.django_db(transaction=True)
def test_jobs_are_where_they_are_sent_and_never_raise(project: Any, woken: list[tuple[str, str]]) -> None:
    move(make_group(project, IMAGE), to="stopped")
    ((name, occurrence),) = [job for job in woken if job[0].startswith("portal.")]

    import_string(name)(occurrence)
    assert Occurrence.objects.get().fanned_out_at is not None
    for odd in ("", "x", str(uuid.uuid4())):
        jobs.tell(odd)
        jobs.deliver(odd)
