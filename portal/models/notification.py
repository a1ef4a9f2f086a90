"""Subscriptions to events: webhooks of an organization, e-mails of its members; and the messages sent to them."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from registries.foundation.address_mask import mask_address
from registries.foundation.id_fields import NoticeIdField, WebhookIdField


class Webhook(models.Model):
    """An address that events are sent to. `secret` signs messages; it is encrypted (`registries.secrets.at_rest`, bound
    to the row's id, organization and address). After a rotation both secrets sign until `previous_until`. `kinds` are
    kinds of `groups.Occurrence`.

    `off_since` is set when a member pauses it, or when deliveries have failed for days; `off_because` says which.
    """

    class Off(models.TextChoices):
        PAUSED = "paused", "a member paused it"
        FAILING = "failing", "nothing arrived there for three days"
        GONE = "gone", "the address answered that it is gone (410)"

    id = WebhookIdField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="webhooks")
    address = models.CharField(max_length=500)
    kinds = models.JSONField(default=list)
    secret = models.BinaryField(editable=False)
    previous_secret = models.BinaryField(null=True, editable=False)
    previous_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    failing_since = models.DateTimeField(null=True, blank=True)
    off_since = models.DateTimeField(null=True, blank=True)
    off_because = models.CharField(max_length=10, choices=Off.choices, blank=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return self.shown_address

    @property
    def shown_address(self) -> str:
        """The address without its secret parts, for pages, the admin and the activity."""
        return mask_address(self.address)


class Notice(models.Model):
    """One message to one webhook or one person. `due_at` is when it may be sent next; while it is being sent, when that
    attempt is given up. `answer` is the HTTP status of the response, `problem` a text of ours on what went wrong."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        FAILED = "failed", "Given up"

    id = NoticeIdField(primary_key=True, default=uuid.uuid4, editable=False)
    occurrence = models.ForeignKey("groups.Occurrence", on_delete=models.CASCADE, related_name="notices")
    webhook = models.ForeignKey(Webhook, null=True, on_delete=models.CASCADE, related_name="notices")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="notices")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    answer = models.PositiveSmallIntegerField(null=True, blank=True)
    problem = models.CharField(max_length=200, blank=True)
    took_ms = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["status", "due_at"]), models.Index(fields=["webhook", "-created_at"])]
        constraints = [
            models.UniqueConstraint(fields=["occurrence", "webhook"], name="notice_once_per_webhook"),
            models.UniqueConstraint(fields=["occurrence", "user"], name="notice_once_per_person"),
            models.CheckConstraint(
                condition=models.Q(webhook__isnull=False, user__isnull=True)
                | models.Q(webhook__isnull=True, user__isnull=False),
                name="notice_to_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.occurrence_id} {self.status}"


class EmailChoice(models.Model):
    """The e-mails that a person wants from an organization. `wanted` maps kinds of events to `mine` (groups that they
    created) or `all`."""

    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="email_choices")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="email_choices")
    wanted = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="email_choice_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.wanted}"
