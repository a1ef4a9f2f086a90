"""The pages of notifications: who opens them, secrets shown once, addresses that can't be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from groups.models import ContainerGroup
from portal.models import ActivityText, EmailChoice, Notice, Webhook
from portal.notifications import webhooks
from registries.foundation.actor import CONSOLE
from tests.portal.notifications.conftest import KINDS, PAGE, Receiver
from tests.support.activity import recorded
from tests.support.actors import acting


class TestPages:
    def test_a_webhook_is_added_and_its_secret_shown_once(self, member: Client, acme: Any) -> None:
        page = member.post(f"{PAGE}webhooks/", {"address": "https://hooks.example.com/x", "kinds": ["group.failed"]})

        row = Webhook.objects.get()
        (secret,) = webhooks.secrets_of(row)
        assert secret in page.text
        assert "no-store" in page["Cache-Control"]
        detail = f"{PAGE}webhooks/{row.pk}/"
        assert secret not in member.get(detail).text
        assert secret not in member.get(PAGE).text
        again = member.post(f"{detail}rotate/")
        row.refresh_from_db()
        assert webhooks.secrets_of(row)[0] in again.text
        assert "no-store" in again["Cache-Control"]
        assert secret not in str(list(ActivityText.objects.values()))

    @pytest.mark.parametrize(
        "address",
        [
            "", "hooks.example.com", "http://hooks.example.com/", "ftp://hooks.example.com/", "https://",
            "https://user:password@hooks.example.com/", "https://10.0.0.1/", "https://localhost/", "https://a.internal/",
            "https://hooks.example.com:22/", "https://hooks.example.com:x/", "https://ex ample.com/", "https://2130706433/",
            "https://hooks.example.com/" + "x" * 500, "https://h\u00f6oks.example/", "javascript:alert(1)",
            "https://[::1]/", "https://[::1", "https://[fe80::1%25lo]/", "https://hooks.example.com:0/", "https://[v1.a]/",
            "https://hooks.example.com:65536/", "https://\uff11\uff12\uff17.0.0.1/", "https://@/",
        ],
    )  # fmt: skip
    def test_addresses_that_can_not_be(self, member: Client, acme: Any, settings: Any, address: str) -> None:
        settings.PORTAL_WEBHOOK_ALLOW_NETWORKS = []
        answer = member.post(f"{PAGE}webhooks/", {"address": address, "kinds": ["group.failed"]})

        assert answer.status_code == 422
        assert not Webhook.objects.exists()

    def test_not_more_than_ten(self, member: Client, acme: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(webhooks, "MAX_WEBHOOKS", 0)
        answer = member.post(f"{PAGE}webhooks/", {"address": "https://hooks.example.com/", "kinds": ["group.failed"]})

        assert "Delete one first" in answer.text

    def test_pause_test_and_delete(
        self, member: Client, hook: Any, receiver: Receiver, group: ContainerGroup, happens: Any, work: Any,
        django_capture_on_commit_callbacks: Any,
    ) -> None:  # fmt: skip
        detail = f"{PAGE}webhooks/{hook[0].pk}/"
        with django_capture_on_commit_callbacks(execute=True):
            member.post(f"{detail}test/")
        work()
        assert json.loads(receiver.got[0][1])["type"] == "test"
        assert "Delivered" in member.get(f"{detail}log/").text

        member.post(f"{detail}switch/")
        happens(group, "stopped")
        assert len(receiver.got) == 1
        assert "a member paused it" in member.get(detail).text
        member.post(f"{detail}switch/")
        assert Webhook.objects.get().off_since is None

        member.post(f"{detail}delete/")
        assert not Webhook.objects.exists()
        assert [
            row[1::2] for row in recorded(text__actor_name="bob@acme.example", action__startswith="notification.")
        ] == [
            ("notification.tested", ""),
            ("notification.changed", "paused"),
            ("notification.changed", "switched on"),
            ("notification.deleted", ""),
        ]

    def test_a_viewer_chooses_mails_and_no_more(self, carol: Any, as_user: Any, hook: Any) -> None:
        page = as_user(carol).get(PAGE)

        assert page.status_code == 200
        assert "Add a webhook" not in page.text
        assert as_user(carol).get(f"{PAGE}webhooks/{hook[0].pk}/").status_code == 403

    def test_ones_own_emails(self, member: Client, bob: Any, acme: Any) -> None:
        sent = {"failed": "all", "ready": "mine", "running": "no", "replay_refused": "no"}
        for _ in range(2):  # the second time it is no change
            assert member.post(PAGE, sent).status_code == 302

        assert EmailChoice.objects.get(user=bob).wanted["group.failed"] == "all"
        assert recorded() == [(bob.email, "notification.emails_changed", "", "")]
        text = ActivityText.objects.get()
        assert (text.before, text.after) == (
            {"group.failed": "mine", "group.ready": "no"},
            {"group.failed": "all", "group.ready": "mine"},
        )

    def test_an_odd_choice(self, member: Client) -> None:
        assert member.post(PAGE, {"failed": "everything"}).status_code == 422


def test_a_message_of_another_webhook_is_not_sent_again(member: Client, hook: Any, mallory: Any) -> None:
    theirs, _ = webhooks.add(
        mallory.organizations.get(), address="https://hooks.example.com/", kinds=KINDS, by=acting(mallory)
    )
    webhooks.test(theirs, by=acting(mallory))
    Notice.objects.update(status="failed", attempts=3)
    notice = Notice.objects.get()

    assert member.post(f"{PAGE}webhooks/{hook[0].pk}/log/{notice.pk}/again/").status_code == 404

    notice.refresh_from_db()
    assert (notice.status, notice.attempts) == ("failed", 3)


def test_a_log_costs_the_same_with_more_in_it(member: Client, hook: Any, acme: Any) -> None:
    def cost() -> list[int]:
        counts = []
        for address in (PAGE, f"{PAGE}webhooks/{hook[0].pk}/"):
            with CaptureQueriesContext(connection) as queries:
                assert member.get(address).status_code == 200
            counts.append(len(queries))
        return counts

    webhooks.test(hook[0], by=CONSOLE)
    few = cost()
    for _ in range(4):
        webhooks.test(hook[0], by=CONSOLE)
    webhooks.add(acme, address="https://hooks.example.com/", kinds=KINDS, by=CONSOLE)
    assert cost() == few


class TestSecretAddresses:
    """The address of a webhook of Slack and others is a secret itself."""

    ADDRESS = "https://hooks.slack.com/services/T024BE7LD/B01ABCDEF/CANARY7f3aCANARY7f3aQxZv"
    SHOWN = "https://hooks.slack.com/services/…/…/…"

    @pytest.fixture
    def webhook(self, acme: Any, alice: Any) -> Webhook:
        row, _ = webhooks.add(acme, address=self.ADDRESS, kinds=["group.failed"], by=acting(alice))
        return row

    def test_no_page_and_no_activity_has_its_secret_part(self, member: Client, webhook: Webhook) -> None:
        for page in (PAGE, f"{PAGE}webhooks/{webhook.pk}/"):
            text = member.get(page).text
            assert self.SHOWN in text
            assert "CANARY7f3a" not in text
        assert "CANARY7f3a" not in str(list(ActivityText.objects.values()))
        assert "CANARY7f3a" not in str(webhook)

    def test_saving_the_page_as_it_is_keeps_the_address(self, member: Client, webhook: Webhook) -> None:
        answer = member.post(f"{PAGE}webhooks/{webhook.pk}/", {"address": self.SHOWN, "kinds": ["group.ready"]})

        webhook.refresh_from_db()
        assert answer.status_code == 302
        assert (webhook.address, webhook.kinds) == (self.ADDRESS, ["group.ready"])

    def test_half_an_address_is_refused(self, member: Client, webhook: Webhook) -> None:
        changed = {"address": f"{self.SHOWN}/x", "kinds": ["group.ready"]}

        assert "Enter the whole address" in member.post(f"{PAGE}webhooks/{webhook.pk}/", changed).text
        assert "Enter the whole address" in member.post(f"{PAGE}webhooks/", changed).text

    def test_another_secret_part_is_recorded_without_it(self, member: Client, webhook: Webhook) -> None:
        other = self.ADDRESS.replace("CANARY7f3a", "CANARY8b4c")

        member.post(f"{PAGE}webhooks/{webhook.pk}/", {"address": other, "kinds": ["group.failed"]})

        webhook.refresh_from_db()
        assert webhook.address == other
        row = ActivityText.objects.order_by("-pk")[0]
        assert (row.target_name, row.detail) == (self.SHOWN, "another secret part of the address")

    @pytest.mark.parametrize("address", [ADDRESS, f"http://{ADDRESS[8:]}", "https://a:CANARY7f3a@hooks.example.com/"])
    def test_a_form_with_errors_does_not_repeat_it(self, member: Client, acme: Any, address: str) -> None:
        page = member.post(f"{PAGE}webhooks/", {"address": address})

        assert page.status_code == 422
        assert "CANARY7f3a" not in page.text
        assert not Webhook.objects.exists()
