"""Events that people can be notified of."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now

from groups.rules.group_settings import MAX_GROUP_NAME_LENGTH
from registries.foundation.id_fields import OccurrenceIdField


class Occurrence(models.Model):
    """One event. The row is an outbox until `fanned_out_at`, when its recipients were found, and stays for a while for
    messages that are still to be sent."""

    class Kind(models.TextChoices):
        READY = "group.ready", "Ready"
        RUNNING = "group.running", "Running"
        FAILED = "group.failed", "Failed"
        REPLAY_REFUSED = "group.replay_refused", "Replay refused"
        FACTOR_REQUIRED = "second_factor.required", "Second factor required"
        FACTOR_OPTIONAL = "second_factor.optional", "Second factor optional"
        SIGN_INS_REFUSED = "sign_ins.refused", "Many failed sign-ins"
        TEST = "test", "Test"

    id = OccurrenceIdField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="occurrences")
    group = models.ForeignKey("groups.ContainerGroup", null=True, on_delete=models.SET_NULL, related_name="occurrences")
    group_name = models.CharField("group", max_length=MAX_GROUP_NAME_LENGTH, blank=True)
    kind = models.CharField(max_length=24, choices=Kind.choices)
    failure = models.ForeignKey("groups.Failure", null=True, on_delete=models.SET_NULL, related_name="+")
    node_name = models.CharField("node", max_length=63, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    fanned_out_at = models.DateTimeField(null=True, blank=True, db_column="told_at")

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["fanned_out_at", "created_at"]),
            models.Index(fields=["organization", "kind", "-created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.group_name}".strip()
