"""A webhook whose row somebody altered past the portal: nothing is signed for another address."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from structlog.testing import capture_logs

from groups.models import ContainerGroup
from portal.models import Notice, Webhook
from portal.notifications import webhooks
from registries.foundation.actor import CONSOLE
from tests.portal.notifications.conftest import KINDS, Receiver


class TestAThiefWritesTheDatabase:
    """A secret signs for one address of one organization."""

    @pytest.mark.parametrize("column", ["address", "organization"])
    def test_nothing_is_signed_for_another_address(
        self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any, mallory: Any, column: str
    ) -> None:
        row = hook[0]
        if column == "address":
            Webhook.objects.filter(pk=row.pk).update(address=row.address + "?to=thief")
        else:
            umbrella = mallory.memberships.get().organization
            Webhook.objects.filter(pk=row.pk).update(organization=umbrella)
            ContainerGroup.objects.update(organization=umbrella)
            group.refresh_from_db()

        with capture_logs() as logs:
            happens(group, "failed", failure=True)

        assert receiver.got == []
        notice = Notice.objects.get()
        assert (notice.status, notice.answer) == ("waiting", None)
        assert "was not made for this address" in notice.problem
        assert "webhook_secret_refused" in [line["event"] for line in logs]

    def test_a_secret_of_another_webhook(
        self, group: ContainerGroup, hook: Any, receiver: Receiver, happens: Any, acme: Any
    ) -> None:
        mine, _ = webhooks.add(acme, address="https://thief.example/", kinds=[], by=CONSOLE)
        Webhook.objects.filter(pk=hook[0].pk).update(secret=mine.secret)
        happens(group, "failed", failure=True)
        assert receiver.got == []

    def test_a_member_who_enters_another_address_keeps_the_secret(self, hook: Any) -> None:
        row, secret = hook
        webhooks.rotate(row, by=CONSOLE)
        row.refresh_from_db()
        newest = webhooks.secrets_of(row)[0]
        assert webhooks.secrets_of(row) == [newest, secret]

        webhooks.change(row, address="https://elsewhere.example/", by=CONSOLE)

        row.refresh_from_db()
        assert (row.address, webhooks.secrets_of(row)) == ("https://elsewhere.example/", [newest, secret])

    def test_a_new_secret_is_the_way_out(self, hook: Any) -> None:
        row = hook[0]
        Webhook.objects.filter(pk=row.pk).update(address="https://thief.example/")
        row.refresh_from_db()
        with pytest.raises(webhooks.SecretUnreadable):
            webhooks.change(row, address="https://right.example/", by=CONSOLE)

        secret = webhooks.rotate(row, by=CONSOLE)
        webhooks.change(row, address="https://right.example/", by=CONSOLE)

        row.refresh_from_db()
        assert webhooks.secrets_of(row) == [secret]

    def test_the_page_says_so(self, hook: Any, alice: Any, as_user: Any) -> None:
        row = hook[0]
        Webhook.objects.filter(pk=row.pk).update(address="https://thief.example/")
        answer = as_user(alice).post(
            reverse("portal:webhook", args=["acme", row.pk]),
            {"address": "https://right.example/", "kinds": KINDS},
            follow=True,
        )
        assert answer.status_code < 500
        assert "Create a new secret first" in answer.text
