"""What was done in an organization, by whom."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Activity(models.Model):
    """One deed: an actor, a verb such as `group.created`, and what it was done to. Rows are only added, through
    `portal.activity.record`, and read the same after actor and target are gone.

    `actor_name` is an address, an API key's name, or `Drayage` for an operator or the portal itself. `address` leads
    to the target while there is one; `detail` says what changed, never a secret.
    """

    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="activities")
    created_at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    actor_name = models.CharField(max_length=254)
    verb = models.CharField(max_length=40)
    target = models.CharField(max_length=254, blank=True)
    address = models.CharField(max_length=300, blank=True)
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "activities"
        indexes = [
            models.Index(fields=["organization", "-created_at", "-id"]),
            models.Index(fields=["organization", "verb"]),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.verb} {self.target}"
