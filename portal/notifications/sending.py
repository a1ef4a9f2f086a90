"""Sends notices, in the worker zone only: finds out who wants to hear of an occurrence, sends, and tries again.

The rows are the truth: a worker takes a notice by a compare-and-set, and where it dies with it the notice is due again
after `LEASE_SECONDS`. So a receiver may hear something twice, under the same `webhook-id`. Addresses are judged by the
guard that registries are connected through, redirects are not followed, and of an answer only the status is read.
"""

from __future__ import annotations

import random
import time
import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from groups.models import Occurrence
from groups.rules.wakeups import WAKEUP_LOST_AFTER, enqueue_fan_out, waiting
from portal.mail import sending
from portal.models import Notice, Webhook
from portal.notifications import messages
from portal.notifications.signing import headers
from portal.notifications.subscriptions import people_for
from portal.notifications.wakeups import wake_deliver
from portal.notifications.webhooks import SWITCHED_OFF, secrets_of, switch_off
from registries.failures import PullFailed
from registries.foundation.actor import PORTAL
from registries.hosts import address_guard
from registries.oci.transport import Session, Timeouts

log = structlog.get_logger(__name__)

PAUSES = (10, 60, 300, 1800, 7200, 21600)
"""Seconds before the second, third … attempt; after the last one it is given up."""
JITTER = 0.2
LEASE_SECONDS = 90
TIMEOUTS = Timeouts(connect=5.0, read=10.0, head=10.0)
OFF_AFTER = timedelta(days=3)
KEPT = timedelta(days=30)
ONE_MAIL = timedelta(hours=1)
"""A group that comes and goes sends one mail of a kind in that time."""
BATCH = 200
Status = Notice.Status


def fan_out(occurrence_id: uuid.UUID) -> int:
    """Write a notice for everybody who wants to hear of it, once. Returns how many."""
    with transaction.atomic():
        row = Occurrence.objects.select_for_update(of=("self",)).filter(pk=occurrence_id, told_at__isnull=True).first()
        if row is None:
            return 0
        now = timezone.now()
        hooks = Webhook.objects.filter(organization=row.organization_id, off_since__isnull=True)
        notices = [Notice(occurrence=row, webhook=hook, due_at=now) for hook in hooks if row.kind in hook.kinds]
        if sending.is_configured():
            notices += [Notice(occurrence=row, user_id=pk, due_at=now) for pk in people_for(row) if _is_news(row, pk)]
        Notice.objects.bulk_create(notices)
        Occurrence.objects.filter(pk=row.pk).update(told_at=Now())
        for notice in notices:
            wake_deliver(notice.pk)
    return len(notices)


def deliver(notice_id: uuid.UUID) -> bool:
    """Send one notice, if it is due and nobody else does. Returns whether it arrived."""
    due = Notice.objects.filter(pk=notice_id, status=Status.WAITING, due_at__lte=Now())
    taken_until = timezone.now() + timedelta(seconds=LEASE_SECONDS)
    if not due.update(due_at=taken_until, attempts=F("attempts") + 1):
        return False
    related = ("occurrence__organization", "occurrence__group__project", "occurrence__group__image")
    notice = Notice.objects.select_related("webhook", "user", "occurrence__failure", *related).get(pk=notice_id)
    if _is_unwanted(notice):
        mine = Notice.objects.filter(pk=notice.pk, status=Status.WAITING, attempts=notice.attempts)
        mine.update(status=Status.FAILED, ended_at=Now(), problem=SWITCHED_OFF)
        return False
    began = time.monotonic()
    answer, problem = _post(notice) if notice.webhook else _mail(notice)
    took = round((time.monotonic() - began) * 1000)
    _settle(notice, answer, problem, took)
    return not problem


def sweep() -> dict[str, int]:
    """Wake workers for what was left, and forget what is old."""
    before = timezone.now() - WAKEUP_LOST_AFTER
    untold = list(
        Occurrence.objects.filter(told_at__isnull=True, created_at__lt=before).values_list("pk", flat=True)[:BATCH]
    )
    due = list(Notice.objects.filter(status=Status.WAITING, due_at__lte=before).values_list("pk", flat=True)[:BATCH])
    if len(untold) + len(due) <= waiting("notices"):
        untold, due = [], []
    for occurrence_id in untold:
        enqueue_fan_out(occurrence_id)
    for notice_id in due:
        wake_deliver(notice_id)
    old = Occurrence.objects.filter(created_at__lt=timezone.now() - KEPT)
    return {"notices_woken": len(untold) + len(due), "occurrences_forgotten": old.delete()[0]}


def _is_unwanted(notice: Notice) -> bool:
    """Whether the webhook was switched off, such as while the notice was written. Tests are asked for all the same."""
    is_off = notice.webhook is not None and notice.webhook.off_since is not None
    return is_off and notice.occurrence.kind != Occurrence.Kind.TEST


def _is_news(row: Occurrence, user_id: Any) -> bool:
    """Whether this person had no mail of this kind about this group lately."""
    lately = Notice.objects.filter(
        user=user_id, occurrence__organization=row.organization_id, occurrence__group_name=row.group_name,
        occurrence__kind=row.kind, created_at__gt=timezone.now() - ONE_MAIL,
    )  # fmt: skip
    return not lately.exists()


def _post(notice: Notice) -> tuple[int | None, str]:
    """Send to the webhook. Returns the status that came back and what went wrong, nothing where it arrived."""
    webhook = notice.webhook
    assert webhook is not None  # noqa: S101 (for the type checker)
    body = messages.body(notice)
    sent = {"Content-Type": "application/json", "User-Agent": "drayage-webhooks/1"}
    sent |= headers(secrets_of(webhook), message_id=str(notice.pk), timestamp=int(time.time()), body=body)
    host = urlsplit(webhook.address).hostname or ""
    session = Session(host, address_guard(), settings.PORTAL_REGISTRY_CA_FILE, TIMEOUTS)
    try:
        answer = session.post(webhook.address, body, sent)
        answer.close()
    except PullFailed as failure:
        return None, _in_words(failure)
    finally:
        session.close()
    return answer.status, _judged(answer.status)


def _mail(notice: Notice) -> tuple[int | None, str]:
    assert notice.user is not None  # noqa: S101 (for the type checker)
    if sending.send("notice", notice.user.email, messages.email_context(notice)) is not sending.Outcome.NOT_SENT:
        return None, ""
    return None, "The mail server did not take it"


def _judged(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"It redirects ({status}), which is not followed: enter the final address"
    return f"It answered {status}"


def _in_words(failure: PullFailed) -> str:
    """What became of a connection; the words of a failed pull speak of registries."""
    return {
        "host_not_allowed": "The portal may not connect to that host or port, or the name is unknown",
        "tls_invalid": "Its certificate can't be verified",
    }.get(failure.code, "It can't be reached, or takes too long to answer")


def _settle(notice: Notice, answer: int | None, problem: str, took_ms: int) -> None:
    """Write down how it went, and when it is tried again."""
    told: dict[str, Any] = {"answer": answer, "problem": problem, "took_ms": took_ms}
    mine = Notice.objects.filter(pk=notice.pk, status=Status.WAITING, attempts=notice.attempts)
    gone = answer == 410
    if not problem:
        mine.update(status=Status.SENT, ended_at=Now(), **told)
    elif gone or notice.attempts > len(PAUSES):
        mine.update(status=Status.FAILED, ended_at=Now(), **told)
    else:
        pause = PAUSES[notice.attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (spreads load)
        mine.update(due_at=timezone.now() + timedelta(seconds=pause), **told)
    if notice.webhook_id is not None:
        _judge_webhook(notice.webhook_id, arrived=not problem, gone=gone)
    log.info("notice_sent" if not problem else "notice_not_sent", notice=str(notice.pk), attempt=notice.attempts,
             answer=answer)  # fmt: skip


def _judge_webhook(webhook_id: Any, *, arrived: bool, gone: bool) -> None:
    """Note since when nothing arrives there, and switch it off where that lasts."""
    row = Webhook.objects.filter(pk=webhook_id)
    if arrived:
        row.filter(failing_since__isnull=False).update(failing_since=None)
        return
    row.filter(failing_since__isnull=True).update(failing_since=Now())
    if gone:
        switch_off(webhook_id, Webhook.Off.GONE, by=PORTAL)
    elif row.filter(failing_since__lt=timezone.now() - OFF_AFTER).exists():
        switch_off(webhook_id, Webhook.Off.FAILING, by=PORTAL)
