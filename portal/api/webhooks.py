"""Webhooks for programs: the same ones that members manage under Notifications."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from ninja import Router, Status
from pydantic import Field

from groups.api.errors import not_found
from groups.api.representations import moment
from groups.api.responses import reading, writing
from groups.api.schemas.base import LINE, Id, Moment, Shape
from portal.api.access import KeyRequest
from portal.models import Notice, Webhook
from portal.notifications import webhooks
from portal.notifications.webhook_address import check_address
from registries.foundation.ids import WebhookId

router = Router(tags=["webhooks"], exclude_unset=True)

MAX_MESSAGES = 100
_ALL = "/organizations/{organization_name}/webhooks"
_ONE = _ALL + "/{webhook_id}"

Address = Annotated[str, Field(min_length=1, max_length=500, pattern=LINE)]
Kind = Literal["group.failed", "group.ready", "group.running", "group.replay_refused"]
Kinds = Annotated[list[Kind], Field(min_length=1, max_length=4)]


class WebhookPrototype(Shape):
    """The address of a webhook and its events."""

    address: Address
    events: Kinds


class WebhookPatch(Shape):
    """Fields that are present change; the others keep their values."""

    address: Address | None = None
    events: Kinds | None = None
    paused: bool | None = None


class WebhookAnswer(Shape):
    """A webhook. `off_because` says why it is switched off. A key with the scope read gets the address without its
    secret parts."""

    id: Id
    address: str
    events: list[str]
    paused: bool
    off_because: str = ""
    create_time: Moment
    failing_since: Moment | None = None


class WebhookWithSecret(WebhookAnswer):
    """A webhook with its signing secret, which is only returned here."""

    secret: str


class WebhookCollection(Shape):
    """The webhooks of an organization."""

    items: list[WebhookAnswer]


class WebhookMessage(Shape):
    """A message. `answer` is the HTTP status of the last response, `problem` what went wrong."""

    id: Id
    event: str
    container_group: str = ""
    status: Literal["waiting", "sent", "failed"]
    attempts: int
    create_time: Moment
    next_attempt: Moment | None = None
    answer: int | None = None
    problem: str = ""


class WebhookMessageCollection(Shape):
    """The messages of a webhook, newest first."""

    items: list[WebhookMessage]


@router.get(_ALL, response=reading(WebhookCollection), operation_id="list_webhooks")
def list_webhooks(request: KeyRequest, organization_name: str) -> dict[str, object]:
    """List the organization's webhooks."""
    return {"items": [_document(request, webhook) for webhook in request.organization.webhooks.all()]}


@router.post(_ALL, response=writing(WebhookWithSecret, 201), operation_id="create_webhook")
def create_webhook(request: KeyRequest, organization_name: str, payload: WebhookPrototype) -> Status[object]:
    """Create a webhook. The response contains its signing secret, which is not shown again."""
    address, kinds = check_address(payload.address), [str(kind) for kind in payload.events]
    row, secret = webhooks.add(request.organization, address=address, kinds=kinds, by=request.actor)
    return Status(201, _document(request, row) | {"secret": secret})


@router.get(_ONE, response=reading(WebhookAnswer), operation_id="get_webhook")
def get_webhook(request: KeyRequest, organization_name: str, webhook_id: str) -> dict[str, object]:
    """Get a webhook."""
    return _document(request, _find(request, webhook_id))


@router.patch(_ONE, response=writing(WebhookAnswer, 200), operation_id="update_webhook")
def update_webhook(
    request: KeyRequest, organization_name: str, webhook_id: str, payload: WebhookPatch
) -> dict[str, object]:
    """Change the address or the events of a webhook, pause it, or resume it."""
    row = _find(request, webhook_id)
    address = check_address(payload.address) if payload.address is not None else None
    kinds = [str(kind) for kind in payload.events] if payload.events is not None else None
    webhooks.change(row, address=address, kinds=kinds, paused=payload.paused, by=request.actor)
    row.refresh_from_db()
    return _document(request, row)


@router.delete(_ONE, response=writing(None, 204), operation_id="delete_webhook")
def delete_webhook(request: KeyRequest, organization_name: str, webhook_id: str) -> Status[object]:
    """Delete a webhook and its messages."""
    row = _find(request, webhook_id)
    webhooks.delete(row, by=request.actor)
    return Status(204, None)


@router.post(_ONE + "/secret", response=writing(WebhookWithSecret, 200), operation_id="rotate_webhook_secret")
def rotate_webhook_secret(request: KeyRequest, organization_name: str, webhook_id: str) -> dict[str, object]:
    """Rotate the signing secret. The response contains the new one; the previous one also signs for 24 hours."""
    row = _find(request, webhook_id)
    secret = webhooks.rotate(row, by=request.actor)
    if secret is None:
        raise not_found()
    return _document(request, row) | {"secret": secret}


@router.post(_ONE + "/test", response=writing(None, 202), operation_id="test_webhook")
def test_webhook(request: KeyRequest, organization_name: str, webhook_id: str) -> Status[object]:
    """Send a message with the event `test`. Its outcome appears in the list of messages."""
    if webhooks.test(_find(request, webhook_id), by=request.actor) is None:
        raise not_found()
    return Status(202, None)


@router.get(_ONE + "/messages", response=reading(WebhookMessageCollection), operation_id="list_webhook_messages")
def list_webhook_messages(request: KeyRequest, organization_name: str, webhook_id: str) -> dict[str, object]:
    """List the messages of a webhook and their responses, newest first."""
    rows = _find(request, webhook_id).notices.select_related("occurrence").order_by("-created_at")
    return {"items": [_message(notice) for notice in rows[:MAX_MESSAGES]]}


def _find(request: KeyRequest, webhook_id: str) -> Webhook:
    try:
        row = Webhook.objects.filter(organization=request.organization, pk=WebhookId(uuid.UUID(webhook_id))).first()
    except ValueError:
        row = None
    if row is None:
        raise not_found()
    return row


def _document(request: KeyRequest, row: Webhook) -> dict[str, object]:
    document: dict[str, object] = {
        "id": str(row.pk),
        "address": row.address if request.may_write else row.shown_address,
        "events": row.kinds,
        "paused": row.off_since is not None,
        "off_because": row.get_off_because_display(),
        "create_time": moment(row.created_at),
    }
    if row.failing_since is not None:
        document["failing_since"] = moment(row.failing_since)
    return document


def _message(notice: Notice) -> dict[str, object]:
    document: dict[str, object] = {
        "id": str(notice.pk),
        "event": notice.occurrence.kind,
        "container_group": notice.occurrence.group_name,
        "status": notice.status,
        "attempts": notice.attempts,
        "create_time": moment(notice.created_at),
        "problem": notice.problem,
    }
    if notice.status == Notice.Status.WAITING:
        document["next_attempt"] = moment(notice.due_at)
    if notice.answer is not None:
        document["answer"] = notice.answer
    return document
