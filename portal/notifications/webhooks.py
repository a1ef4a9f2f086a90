"""What can be done to a webhook, one mutation per function: add, change, rotate its secret, switch off and on, test,
send again."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from groups import at_rest, quotas
from groups.models import Occurrence
from groups.wakeups import wake_deliver
from portal.models import Notice, Organization, Webhook
from portal.notifications.signing import new_secret

MAX_WEBHOOKS = 10
SWITCHED_OFF = "The webhook was switched off"
BOTH_HOURS = 24
"""So long a replaced secret still signs, beside the new one."""


class TooManyWebhooks(Exception):
    """The organization has as many as it can have."""


def add(organization: Organization, *, address: str, kinds: list[str], created_by: Any) -> tuple[Webhook, str]:
    """Write a webhook; return it with its secret, which is not shown again. Raises TooManyWebhooks."""
    secret, pk = new_secret(), uuid.uuid4()
    with transaction.atomic():
        quotas.lock(organization.pk)
        if Webhook.objects.filter(organization=organization).count() >= MAX_WEBHOOKS:
            raise TooManyWebhooks
        row = Webhook.objects.create(
            id=pk,
            organization=organization,
            address=address,
            kinds=kinds,
            secret=_encrypted(secret, pk),
            created_by=created_by,
        )
    return row, secret


def change(webhook: Webhook, *, address: str, kinds: list[str]) -> None:
    """Send elsewhere, or something else."""
    Webhook.objects.filter(pk=webhook.pk).update(address=address, kinds=kinds, failing_since=None)


def rotate(webhook: Webhook) -> str:
    """Give it a new secret and return it, this once. The one before signs beside it for a day."""
    secret = new_secret()
    Webhook.objects.filter(pk=webhook.pk).update(
        secret=_encrypted(secret, webhook.pk),
        previous_secret=F("secret"),
        previous_until=timezone.now() + timedelta(hours=BOTH_HOURS),
    )
    return secret


def pause(webhook: Webhook) -> bool:
    """Send nothing more there. Returns whether it was on."""
    return switch_off(webhook.pk, Webhook.Off.PAUSED)


def switch_off(webhook_id: uuid.UUID, because: Webhook.Off) -> bool:
    """Send nothing more there, not even what waits to be tried again: that is given up. Returns whether it was on."""
    on = Webhook.objects.filter(pk=webhook_id, off_since__isnull=True)
    with transaction.atomic():
        if not on.update(off_since=Now(), off_because=because):
            return False
        Notice.objects.filter(webhook=webhook_id, status=Notice.Status.WAITING).update(
            status=Notice.Status.FAILED, ended_at=Now(), problem=SWITCHED_OFF
        )
    return True


def resume(webhook: Webhook) -> bool:
    """Send there again, what happens from now on. Returns whether it was off."""
    off = Webhook.objects.filter(pk=webhook.pk, off_since__isnull=False)
    return bool(off.update(off_since=None, off_because="", failing_since=None))


def test(webhook: Webhook) -> Notice:
    """Send a message of the kind `test` there."""
    with transaction.atomic():
        occurrence = Occurrence.objects.create(
            organization_id=webhook.organization_id, kind=Occurrence.Kind.TEST, told_at=timezone.now()
        )
        notice = Notice.objects.create(occurrence=occurrence, webhook=webhook, due_at=timezone.now())
        wake_deliver(notice.pk)
    return notice


def send_again(notice: Notice) -> bool:
    """Send once more what was given up. Returns whether it was."""
    given_up = Notice.objects.filter(pk=notice.pk, status=Notice.Status.FAILED)
    with transaction.atomic():
        again = bool(given_up.update(status=Notice.Status.WAITING, attempts=0, due_at=Now(), problem="", ended_at=None))
        if again:
            wake_deliver(notice.pk)
    return again


def secrets_of(webhook: Webhook) -> list[str]:
    """The secrets that sign now, the newest first."""
    rows = [webhook.secret]
    if webhook.previous_secret and webhook.previous_until and webhook.previous_until > timezone.now():
        rows.append(webhook.previous_secret)
    return [at_rest.decrypt(row, bound_to=_place(webhook.pk)).decode() for row in rows]


def _encrypted(secret: str, pk: uuid.UUID) -> bytes:
    return at_rest.encrypt(secret.encode(), bound_to=_place(pk))


def _place(pk: uuid.UUID) -> str:
    return f"webhook {pk}"
