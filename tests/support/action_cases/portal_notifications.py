"""Cases of the actions on webhooks and email preferences."""

from __future__ import annotations

import uuid
from functools import partial

from django.utils import timezone

from groups.models import Occurrence
from portal.models import (
    Notice,
    Webhook,
)
from portal.notifications import subscriptions, webhooks
from portal.notifications.webhooks import bound_to
from registries.foundation.actor import PORTAL
from registries.foundation.ids import WebhookId
from registries.secrets import at_rest
from tests.support.action_cases import Call, Case, Cast
from tests.support.actors import acting


def _webhook(cast: Cast, **values: object) -> Webhook:
    address, key = "https://hooks.example.com/", WebhookId(uuid.uuid4())
    secret = at_rest.encrypt(b"whsec_x", bound_to=bound_to(key, cast.acme.pk, address))
    return Webhook.objects.create(
        id=key, organization=cast.acme, address=address, kinds=["group.failed"], secret=secret, **values
    )


def _add_webhook(cast: Cast) -> Call:
    return partial(
        webhooks.add, cast.acme, address="https://hooks.example.com/", kinds=["group.ready"], by=acting(cast.bob)
    )


def _change_webhook(cast: Cast) -> Call:
    return partial(webhooks.change, _webhook(cast), kinds=["group.ready"], paused=True, by=acting(cast.bob))


def _rotate_webhook(cast: Cast) -> Call:
    return partial(webhooks.rotate, _webhook(cast), by=acting(cast.bob))


def _pause_webhook(cast: Cast) -> Call:
    return partial(webhooks.pause, _webhook(cast), by=acting(cast.bob))


def _switch_off_webhook(cast: Cast) -> Call:
    return partial(webhooks.switch_off, _webhook(cast).pk, Webhook.Off.FAILING, by=PORTAL)


def _resume_webhook(cast: Cast) -> Call:
    paused = _webhook(cast, off_since=timezone.now(), off_because="paused")
    return partial(webhooks.resume, paused, by=acting(cast.bob))


def _delete_webhook(cast: Cast) -> Call:
    return partial(webhooks.delete, _webhook(cast), by=acting(cast.bob))


def _test_webhook(cast: Cast) -> Call:
    return partial(webhooks.test, _webhook(cast), by=acting(cast.bob))


def _send_again(cast: Cast) -> Call:
    occurrence = Occurrence.objects.create(organization=cast.acme, kind="group.failed", group_name="web")
    notice = Notice.objects.create(
        occurrence=occurrence, webhook=_webhook(cast), due_at=timezone.now(), status="failed", attempts=7
    )
    return partial(webhooks.send_again, notice, by=acting(cast.bob))


def _choose_emails(cast: Cast) -> Call:
    return partial(subscriptions.choose_emails, cast.acme.pk, {"group.failed": "all"}, by=acting(cast.bob))


CASES = [
    Case("portal.notifications.webhooks.add", _add_webhook),
    Case("portal.notifications.webhooks.change", _change_webhook),
    Case("portal.notifications.webhooks.rotate", _rotate_webhook),
    Case("portal.notifications.webhooks.pause", _pause_webhook),
    Case("portal.notifications.webhooks.switch_off", _switch_off_webhook),
    Case("portal.notifications.webhooks.resume", _resume_webhook),
    Case("portal.notifications.webhooks.delete", _delete_webhook),
    Case("portal.notifications.webhooks.test", _test_webhook),
    Case("portal.notifications.webhooks.send_again", _send_again),
    Case("portal.notifications.subscriptions.choose_emails", _choose_emails),
]
