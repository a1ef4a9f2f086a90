"""Failed attempts of pulls, for charts and warnings."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class FailedAttempt(models.Model):
    """One failed attempt. `final` says that it was the last one of its pull.

    A Failure is written after the last attempt, minutes after the first; these rows are written at once, and stay when
    group and image are deleted. They contain no names: `kind` is the kind of registry, recognized by its host if the
    pull had no credential.
    """

    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20)
    code = models.CharField(max_length=30)
    step = models.CharField(max_length=20)
    final = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["created_at", "kind"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.code}"
