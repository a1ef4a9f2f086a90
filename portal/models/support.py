"""What members ask of support."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class SupportRequest(models.Model):
    """A question to support: about a failure, or for a kind of registry that is not offered."""

    class Kind(models.TextChoices):
        FAILURE = "failure", "Failed pull"
        REGISTRY = "registry", "Registry wanted"
        OTHER = "other", "Something else"

    class State(models.TextChoices):
        NEW = "new", "New"
        SEEN = "seen", "Seen"
        WAITING = "waiting", "Waiting for the member"
        SOLVED = "solved", "Solved"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="support_requests")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    failure = models.ForeignKey(
        "groups.Failure", null=True, blank=True, on_delete=models.SET_NULL, related_name="support_requests"
    )
    registry = models.CharField("registry", max_length=255, blank=True, help_text="The registry that is wanted.")
    message = models.TextField(max_length=4000, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.NEW)
    answer = models.TextField(max_length=8000, blank=True, help_text="The member reads this.")
    note = models.TextField(max_length=8000, blank=True, help_text="Only support reads this.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["state", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.organization}"
