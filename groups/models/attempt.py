"""Failed attempts of pulls, for charts and warnings."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class FailedAttempt(models.Model):
    """One failed attempt. `final` says that it was the last one of its pull.

    A Failure is written after the last attempt, minutes after the first; these rows are written at once, and stay when
    group and image are deleted. They contain no names: `kind` is the kind of registry, recognized by its host if the
    pull had no credential, and `registry` is `service_key` of the host. `passes` is whether the failure can be part of
    an outage (`groups.ingest.failed_attempts.can_be_outage`).
    """

    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20)
    code = models.CharField(max_length=30)
    step = models.CharField(max_length=20)
    registry = models.CharField(max_length=32, blank=True, default="", db_default="")
    passes = models.BooleanField(default=False, db_default=False)
    final = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["created_at", "kind"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.code}"
