"""Actions on webhooks: add, change, rotate the secret, pause, resume, delete, test, send a message again."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from groups.models import Occurrence
from groups.rules import quotas
from portal.accounts.notices import send_notice
from portal.models import Notice, Organization, User, Webhook
from portal.notifications.signing import new_secret
from portal.notifications.wakeups import wake_deliver
from registries.foundation.activity import Target, Value, record
from registries.foundation.actor import Actor, ActorKind
from registries.foundation.ids import OrganizationId, UserId, WebhookId
from registries.foundation.refusal import Refusal
from registries.secrets import at_rest
from registries.secrets.at_rest import AtRestBroken

MAX_WEBHOOKS = 10
SWITCHED_OFF = "The webhook was switched off"
OVERLAP_HOURS = 24
"""How long a rotated secret signs in addition to the new one."""


class TooManyWebhooks(Refusal):
    """The organization has MAX_WEBHOOKS."""

    code = "too_many_webhooks"
    title = "Webhook limit reached"

    def __init__(self) -> None:
        super().__init__(f"An organization has at most {MAX_WEBHOOKS} webhooks. Delete one first.")


class SecretUnreadable(Refusal):
    """The signing secret was not made for this row and address."""

    code = "secret_unreadable"
    title = "The signing secret can't be read"

    def __init__(self) -> None:
        super().__init__("Its signing secret was not made for its address. Create a new secret first.")


def add(organization: Organization, *, address: str, kinds: list[str], by: Actor) -> tuple[Webhook, str]:
    """Create a webhook for events of these kinds; return it with its secret, which is not shown again. Raises
    TooManyWebhooks."""
    secret, pk = new_secret(), WebhookId(uuid.uuid4())
    with transaction.atomic():
        quotas.lock_organization(organization.pk)
        if Webhook.objects.filter(organization=organization).count() >= MAX_WEBHOOKS:
            raise TooManyWebhooks
        row = Webhook.objects.create(
            id=pk,
            organization=organization,
            address=address,
            kinds=kinds,
            secret=at_rest.encrypt(secret.encode(), bound_to=bound_to(pk, organization.pk, address)),
            created_by_id=by.person_id,
        )
        _notify(row, by=by)
        _record(row, action="notification.added", by=by, after=_settings_of(row))
    return row, secret


def change(
    webhook: Webhook,
    *,
    address: str | None = None,
    kinds: list[str] | None = None,
    paused: bool | None = None,
    by: Actor,
) -> None:
    """Change the address or the events, pause or resume; what is None stays. If an address or events are given, the
    webhook no longer counts as failing. Raises SecretUnreadable."""
    with transaction.atomic():
        row = _lock(webhook.pk)
        if row is None:
            return
        before, address_before = _settings_of(row), row.address
        if address is not None or kinds is not None:
            if address is not None and address != row.address:
                _bind_to_address(row, address)
            row.kinds = row.kinds if kinds is None else kinds
            row.failing_since = None
            row.save(update_fields=["address", "kinds", "failing_since", "secret", "previous_secret"])
        after = _settings_of(row)
        is_switched = paused is not None and (_switch_off(row.pk, Webhook.Off.PAUSED) if paused else _resume(row.pk))
        if after != before:
            _record(row, "changed", by=by, before=before, after=after)
        elif row.address != address_before:
            _record(row, "another secret part of the address", by=by)
        if is_switched:
            _record_switch(row, is_off=bool(paused), by=by)


def rotate(webhook: Webhook, *, by: Actor) -> str | None:
    """Replace the secret and return the new one; None if the webhook is deleted. The previous one also signs for
    OVERLAP_HOURS."""
    secret = new_secret()
    with transaction.atomic():
        row = _lock(webhook.pk)
        if row is None:
            return None
        Webhook.objects.filter(pk=webhook.pk).update(
            secret=at_rest.encrypt(secret.encode(), bound_to=_bound_to(row)),
            previous_secret=F("secret"),
            previous_until=Now() + timedelta(hours=OVERLAP_HOURS),
        )
        _notify(row, by=by)
        _record(row, "new secret", by=by)
    return secret


def pause(webhook: Webhook, *, by: Actor) -> bool:
    """Pause a webhook; messages that wait for a retry fail. Returns whether it was on."""
    with transaction.atomic():
        if not _switch_off(webhook.pk, Webhook.Off.PAUSED):
            return False
        _record_switch(webhook, is_off=True, by=by)
    return True


def switch_off(webhook_id: WebhookId, reason: Webhook.Off, *, by: Actor) -> bool:
    """Switch off a webhook that does not work. Returns whether it was on."""
    with transaction.atomic():
        if not _switch_off(webhook_id, reason):
            return False
        row = Webhook.objects.get(pk=webhook_id)
        _record(row, f"switched off: {reason.label}", by=by, before={"paused": False}, after={"paused": True})
    return True


def resume(webhook: Webhook, *, by: Actor) -> bool:
    """Resume a webhook, for events from now on. Returns whether it was off."""
    with transaction.atomic():
        if not _resume(webhook.pk):
            return False
        _record_switch(webhook, is_off=False, by=by)
    return True


def delete(webhook: Webhook, *, by: Actor) -> bool:
    """Delete a webhook with its messages. Returns whether it existed."""
    with transaction.atomic():
        row = _lock(webhook.pk)
        if row is None:
            return False
        before = _settings_of(row)
        Webhook.objects.filter(pk=webhook.pk).delete()
        _record(webhook, action="notification.deleted", by=by, before=before)
    return True


def test(webhook: Webhook, *, by: Actor) -> Notice | None:
    """Send a message with the event `test`, even if the webhook is off. Returns the message; None if the webhook is
    deleted."""
    with transaction.atomic():
        row = _lock(webhook.pk)
        if row is None:
            return None
        occurrence = Occurrence.objects.create(
            organization_id=row.organization_id, kind=Occurrence.Kind.TEST, fanned_out_at=Now()
        )
        notice = Notice.objects.create(occurrence=occurrence, webhook=row, due_at=Now())
        wake_deliver(notice.pk)
        record(by, "notification.tested", _target(row), organization_id=row.organization_id)
    return notice


def send_again(notice: Notice, *, by: Actor) -> bool:
    """Send a failed message again. Returns whether it had failed."""
    failed = Notice.objects.filter(pk=notice.pk, status=Notice.Status.FAILED)
    with transaction.atomic():
        webhook = _lock(notice.webhook_id) if notice.webhook_id is not None else None
        if webhook is None:
            return False
        if not failed.update(status=Notice.Status.WAITING, attempts=0, due_at=Now(), problem="", ended_at=None):
            return False
        wake_deliver(notice.pk)
        record(by, "notification.sent_again", _target(webhook), organization_id=webhook.organization_id)
    return True


def secrets_of(webhook: Webhook) -> list[str]:
    """Return the secrets that sign now, the newest first. Raises AtRestBroken where the newest one was not made for
    this webhook, its organization and its address."""
    found = [_decrypted(webhook, webhook.secret)]
    if webhook.previous_secret and is_rotating(webhook):
        with suppress(AtRestBroken):
            found.append(_decrypted(webhook, webhook.previous_secret))
    return found


def is_rotating(webhook: Webhook) -> bool:
    """Whether its previous secret also signs."""
    return Webhook.objects.filter(pk=webhook.pk, previous_until__gt=Now()).exists()


def bound_to(pk: WebhookId, organization_id: OrganizationId, address: str) -> str:
    """What a stored secret is bound to: it signs for no other address (`registries.secrets.at_rest`)."""
    return f"webhook {pk} of organization {organization_id} at {address}"


def _notify(row: Webhook, *, by: Actor) -> None:
    """Mail whoever made a secret, who notices so if it was somebody else in their place. For a program that is the
    person who created the webhook."""
    person = row.created_by
    if by.kind is ActorKind.PERSON:
        person = User.objects.filter(pk=by.person_id or UserId(0)).first()
    if person is not None:
        details = {"organization": row.organization.name, "webhook": row.shown_address}
        send_notice(person, "webhook_secret_created", by=by, details=details)


def _bound_to(row: Webhook) -> str:
    return bound_to(row.pk, OrganizationId(row.organization_id), row.address)


def _decrypted(row: Webhook, stored: bytes | memoryview) -> str:
    return at_rest.decrypt(stored, bound_to=_bound_to(row)).decode()


def _bind_to_address(row: Webhook, address: str) -> None:
    """Give the row another address, with its secrets encrypted for that. Raises SecretUnreadable."""
    try:
        secret = _decrypted(row, row.secret)
    except AtRestBroken:
        raise SecretUnreadable from None
    previous = None
    if row.previous_secret:
        with suppress(AtRestBroken):
            previous = _decrypted(row, row.previous_secret)
    row.address = address
    row.secret = at_rest.encrypt(secret.encode(), bound_to=_bound_to(row))
    row.previous_secret = at_rest.encrypt(previous.encode(), bound_to=_bound_to(row)) if previous else None


def _lock(webhook_id: WebhookId) -> Webhook | None:
    """The row as it is now, locked; None if it is deleted. It is locked before its messages are added or changed."""
    return Webhook.objects.select_for_update(no_key=True).filter(pk=webhook_id).first()


def _switch_off(webhook_id: WebhookId, reason: Webhook.Off) -> bool:
    """Switch off; messages that wait for a retry fail. Returns whether the webhook was on."""
    on = Webhook.objects.filter(pk=webhook_id, off_since__isnull=True)
    if not on.update(off_since=Now(), off_because=reason):
        return False
    Notice.objects.filter(webhook=webhook_id, status=Notice.Status.WAITING).update(
        status=Notice.Status.FAILED, ended_at=Now(), problem=SWITCHED_OFF
    )
    return True


def _resume(webhook_id: WebhookId) -> bool:
    off = Webhook.objects.filter(pk=webhook_id, off_since__isnull=False)
    return bool(off.update(off_since=None, off_because="", failing_since=None))


def _settings_of(webhook: Webhook) -> dict[str, str | list[str]]:
    return {"address": webhook.shown_address, "events": webhook.kinds}


def _target(webhook: Webhook) -> Target:
    return Target("webhook", webhook.pk, webhook.shown_address)


def _record_switch(webhook: Webhook, *, is_off: bool, by: Actor) -> None:
    detail = "paused" if is_off else "switched on"
    _record(webhook, detail, by=by, before={"paused": not is_off}, after={"paused": is_off})


def _record(
    webhook: Webhook,
    detail: str = "",
    *,
    action: str = "notification.changed",
    by: Actor,
    before: Mapping[str, Value] | None = None,
    after: Mapping[str, Value] | None = None,
) -> None:
    record(
        by,
        action,
        _target(webhook),
        organization_id=webhook.organization_id,
        detail=detail,
        before=before,
        after=after,
    )
