"""An attempt of a pull that failed: what charts and warnings count."""

from __future__ import annotations

from django.db import models


class FailedAttempt(models.Model):
    """One attempt that failed, whether it is tried again (`final` is false) or not.

    A Failure is written when the last attempt is over, minutes after the first; these rows are there at once, and
    stay when group and image are gone. They hold no name: `kind` is the kind of registry, recognised by its host
    where the pull had no credentials.
    """

    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20)
    code = models.CharField(max_length=30)
    step = models.CharField(max_length=20)
    final = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["created_at", "kind"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.code}"
