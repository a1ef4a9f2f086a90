"""Sends notices, in the worker zone only: creates them for an event, sends them, and retries.

A worker takes a notice by compare-and-set. If the worker dies, the notice is due again after `LEASE_SECONDS`; so a
receiver may get a message twice, with the same `webhook-id`. Addresses are checked on connecting, by
the networks that are opened for webhooks, redirects are not followed, and only the status of a response is read.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from groups.models import Occurrence
from groups.rules.wakeups import WAKEUP_LOST_AFTER, enqueue_fan_out, waiting
from portal.mail import sending
from portal.models import Notice, Webhook
from portal.notifications import messages
from portal.notifications.signing import headers
from portal.notifications.subscriptions import ALWAYS, people_for
from portal.notifications.wakeups import wake_deliver
from portal.notifications.webhooks import SWITCHED_OFF, secrets_of, switch_off
from registries.failures import PullFailed
from registries.foundation.actor import PORTAL
from registries.foundation.ids import NoticeId, OccurrenceId, UserId, WebhookId
from registries.hosts import Purpose, address_guard
from registries.oci.timeouts import Timeouts
from registries.oci.transport import Session
from registries.secrets.at_rest import AtRestBroken

log = structlog.get_logger(__name__)

RETRY_SECONDS = (10, 60, 300, 1800, 7200, 21600)
"""Seconds before the second, third … attempt; after the last one the notice has failed."""
JITTER = 0.2
LEASE_SECONDS = 90
TIMEOUTS = Timeouts(connect=5.0, read=10.0, head=10.0)
SWITCHED_OFF_AFTER = timedelta(days=3)
RETENTION = timedelta(days=30)
ONE_EMAIL_EVERY = timedelta(hours=1)
"""A person gets one email of a kind about a group in this time, however often the group fails."""
MAX_WOKEN = 200
Status = Notice.Status


@dataclass(frozen=True)
class Attempt:
    """How one attempt ended: the HTTP status that came back, if any, and the problem, empty where it arrived."""

    status: int | None
    problem: str = ""


def fan_out(occurrence_id: OccurrenceId) -> int:
    """Create a notice for each webhook and person that subscribed to this event. Returns how many; 0 if this was done
    before."""
    with transaction.atomic():
        pending = Occurrence.objects.filter(pk=occurrence_id, fanned_out_at__isnull=True)
        row = pending.select_for_update(of=("self",)).first()
        if row is None:
            return 0
        # Locked, so that none is deleted before its notice refers to it.
        hooks = Webhook.objects.select_for_update(no_key=True).order_by("pk")
        hooks = hooks.filter(organization=row.organization_id, off_since__isnull=True)
        notices = [Notice(occurrence=row, webhook=hook, due_at=Now()) for hook in hooks if row.kind in hook.kinds]
        if sending.is_configured():
            notices += [
                Notice(occurrence=row, user_id=pk, due_at=Now()) for pk in people_for(row) if _may_be_emailed(row, pk)
            ]
        Notice.objects.bulk_create(notices)
        Occurrence.objects.filter(pk=row.pk).update(fanned_out_at=Now())
        for notice in notices:
            wake_deliver(notice.pk)
    return len(notices)


def deliver(notice_id: NoticeId) -> bool:
    """Send one notice, if it is due and no other worker has taken it. Returns whether it arrived."""
    due = Notice.objects.filter(pk=notice_id, status=Status.WAITING, due_at__lte=Now())
    lease_ends_at = Now() + timedelta(seconds=LEASE_SECONDS)
    if not due.update(due_at=lease_ends_at, attempts=F("attempts") + 1):
        return False
    related = ("occurrence__organization", "occurrence__group__project", "occurrence__group__image")
    notice = Notice.objects.select_related("webhook", "user", "occurrence__failure", *related).get(pk=notice_id)
    if _is_unwanted(notice):
        _taken(notice).update(status=Status.FAILED, ended_at=Now(), problem=SWITCHED_OFF)
        return False
    started = time.monotonic()
    attempt = _post(notice, notice.webhook) if notice.webhook else _mail(notice)
    _record_attempt(notice, attempt, took_ms=round((time.monotonic() - started) * 1000))
    return not attempt.problem


def sweep() -> dict[str, int]:
    """Enqueue lost jobs again, and delete events that are older than `RETENTION`. Returns how many of each."""
    before = Now() - WAKEUP_LOST_AFTER
    pending_events = Occurrence.objects.filter(fanned_out_at__isnull=True, created_at__lt=before)
    due_notices = Notice.objects.filter(status=Status.WAITING, due_at__lte=before)
    pending = list(pending_events.values_list("pk", flat=True)[:MAX_WOKEN])
    due = list(due_notices.values_list("pk", flat=True)[:MAX_WOKEN])
    if len(pending) + len(due) <= waiting("notices"):
        pending, due = [], []
    for occurrence_id in pending:
        enqueue_fan_out(occurrence_id)
    for notice_id in due:
        wake_deliver(notice_id)
    old = Occurrence.objects.filter(created_at__lt=Now() - RETENTION)
    return {"notices_woken": len(pending) + len(due), "events_deleted": old.delete()[0]}


def _is_unwanted(notice: Notice) -> bool:
    """Whether the webhook has been switched off since the notice was created. Test messages are sent even then."""
    is_off = notice.webhook is not None and notice.webhook.off_since is not None
    return is_off and notice.occurrence.kind != Occurrence.Kind.TEST


def _may_be_emailed(row: Occurrence, user_id: UserId) -> bool:
    """Whether this person got no email of this kind about this group within `ONE_EMAIL_EVERY`. What they get always has
    limits of its own."""
    if row.kind in ALWAYS:
        return True
    recent = Notice.objects.filter(
        user=user_id, occurrence__organization=row.organization_id, occurrence__group=row.group_id,
        occurrence__group_name=row.group_name, occurrence__kind=row.kind, created_at__gt=Now() - ONE_EMAIL_EVERY,
    )  # fmt: skip
    return not recent.exists()


def _post(notice: Notice, webhook: Webhook) -> Attempt:
    body = messages.body(notice)
    sent_headers = {"Content-Type": "application/json", "User-Agent": "drayage-webhooks/1"}
    try:
        keys = secrets_of(webhook)
    except AtRestBroken:
        log.error("webhook_secret_refused", webhook=str(webhook.pk))
        return Attempt(None, "Its signing secret was not made for this address: check the address, create a new secret")
    sent_headers |= headers(keys, message_id=str(notice.pk), timestamp=int(time.time()), body=body)
    host = urlsplit(webhook.address).hostname or ""
    guard = address_guard(purpose=Purpose.WEBHOOK)
    session = Session(host, guard, settings.PORTAL_REGISTRY_CA_FILE, TIMEOUTS)
    try:
        response = session.post(webhook.address, body, sent_headers)
        response.close()
    except PullFailed as failure:
        return Attempt(None, _problem_of_failure(failure))
    finally:
        session.close()
    return Attempt(response.status, _problem_of_status(response.status))


def _mail(notice: Notice) -> Attempt:
    assert notice.user is not None  # noqa: S101 (for the type checker)
    if sending.send("notice", notice.user.email, messages.email_context(notice)) is not sending.Outcome.NOT_SENT:
        return Attempt(None)
    return Attempt(None, "The mail server did not take it")


def _problem_of_status(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"It redirects ({status}), which is not followed: enter the final address"
    return f"It answered {status}"


def _problem_of_failure(failure: PullFailed) -> str:
    """Describe why no response came. The title of a failed pull would mention a registry."""
    return {
        "host_not_allowed": "The portal may not connect to that host or port",
        "host_unknown": "The name of its host is unknown",
        "resolver_failed": "The name of its host can't be looked up right now",
        "tls_invalid": "Its certificate can't be verified",
    }.get(failure.code, "It can't be reached, or takes too long to answer")


def _taken(notice: Notice) -> QuerySet[Notice]:
    """The notice, unless another worker has taken it since."""
    return Notice.objects.filter(pk=notice.pk, status=Status.WAITING, attempts=notice.attempts)


def _record_attempt(notice: Notice, attempt: Attempt, *, took_ms: int) -> None:
    """Store how an attempt ended, and when the next one is due."""
    rows, is_gone = _taken(notice), attempt.status == 410
    common = {"answer": attempt.status, "problem": attempt.problem, "took_ms": took_ms}
    if not attempt.problem:
        rows.update(status=Status.SENT, ended_at=Now(), **common)
    elif is_gone or notice.attempts > len(RETRY_SECONDS):
        rows.update(status=Status.FAILED, ended_at=Now(), **common)
    else:
        pause = RETRY_SECONDS[notice.attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (spreads load)
        rows.update(due_at=Now() + timedelta(seconds=pause), **common)
    if notice.webhook_id is not None:
        _record_outcome(notice.webhook_id, arrived=not attempt.problem, is_gone=is_gone)
    event = "notice_not_sent" if attempt.problem else "notice_sent"
    log.info(event, notice=str(notice.pk), attempt=notice.attempts, answer=attempt.status)


def _record_outcome(webhook_id: WebhookId, *, arrived: bool, is_gone: bool) -> None:
    """Store since when messages to a webhook fail, and switch it off after `SWITCHED_OFF_AFTER`."""
    row = Webhook.objects.filter(pk=webhook_id)
    if arrived:
        row.filter(failing_since__isnull=False).update(failing_since=None)
        return
    row.filter(failing_since__isnull=True).update(failing_since=Now())
    if is_gone:
        switch_off(webhook_id, Webhook.Off.GONE, by=PORTAL)
    elif row.filter(failing_since__lt=Now() - SWITCHED_OFF_AFTER).exists():
        switch_off(webhook_id, Webhook.Off.FAILING, by=PORTAL)
