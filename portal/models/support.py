"""What members ask of support, and who of support looked at what."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from groups.models import Failure


class SupportRequest(models.Model):
    """A question to support: about a failure, or for a kind of registry that is not offered.

    `shares` is the member's consent: with it support sees all of the failure that the question is about; without,
    its code, step, kind of registry and times.
    """

    State = Failure.State

    class Kind(models.TextChoices):
        FAILURE = "failure", "Failed pull"
        REGISTRY = "registry", "Registry wanted"
        OTHER = "other", "Something else"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="support_requests")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    failure = models.ForeignKey(
        "groups.Failure", null=True, blank=True, on_delete=models.SET_NULL, related_name="support_requests"
    )
    registry = models.CharField("registry", max_length=255, blank=True, help_text="The registry that is wanted.")
    message = models.TextField(max_length=4000, blank=True)
    shares = models.BooleanField("support sees all of the failure", default=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.NEW)
    answer = models.TextField(max_length=8000, blank=True, help_text="The member reads this.")
    note = models.TextField(max_length=8000, blank=True, help_text="Only support reads this.")
    created_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    mailed_at = models.DateTimeField("answer mailed", null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["state", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.organization}"


class SupportLook(models.Model):
    """That somebody of support, or an operator, opened a failure: one row a person and day, which the member sees.

    `saw_all` says whether more than code, step, kind of registry and times was shown, at least once that day.
    """

    failure = models.ForeignKey("groups.Failure", on_delete=models.CASCADE, related_name="looks")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    saw_all = models.BooleanField(default=False)
    first_at = models.DateTimeField(auto_now_add=True)
    last_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-last_at"]
        constraints = [models.UniqueConstraint(fields=["failure", "person", "day"], name="look_per_day")]

    def __str__(self) -> str:
        return f"{self.person} on {self.day}"
