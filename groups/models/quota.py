"""The limits of organizations, whether they are suspended, and when they last had their turn."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models


class QuotaQuerySet(models.QuerySet["Quota"]):
    """Conditions on quotas."""

    def suspended(self) -> QuotaQuerySet:
        """Quotas of suspended organizations."""
        return self.filter(suspended_at__isnull=False)


class Quota(models.Model):
    """The limits of one organization and its suspension, both set by operators (`groups.actions.suspension`).

    None is no limit, except for an image, where it is the portal's own. While `suspended_at` is set, nothing of the
    organization runs or is pulled, and its members read `suspended_because`. `groups.rules.quotas` enforces both.
    `last_claim_at` is when a worker last began a pull of the organization: workers take organizations in turn.
    """

    organization = models.OneToOneField(
        "portal.Organization", primary_key=True, on_delete=models.CASCADE, related_name="quota"
    )
    max_groups = models.PositiveIntegerField(null=True, blank=True)
    max_replicas = models.PositiveIntegerField(null=True, blank=True)
    max_stored_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    max_pulls = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    max_image_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True, editable=False)
    suspended_because = models.CharField(max_length=300, blank=True, editable=False)
    last_claim_at = models.DateTimeField(null=True, blank=True, editable=False)

    LIMITS = {
        "max_groups": "Container groups",
        "max_replicas": "Replicas of all groups",
        "max_stored_bytes": "Bytes stored",
        "max_pulls": "Pulls at once",
        "max_image_bytes": "Bytes of an image, compressed",
    }
    """The columns that are limits, with their names for operators."""

    objects = QuotaQuerySet.as_manager()

    def __str__(self) -> str:
        return f"Quota of {self.organization_id}"
