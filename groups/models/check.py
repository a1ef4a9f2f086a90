"""Checks of images: whether a pull would succeed, found out without pulling."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Exists, Max, OuterRef, Subquery, Value
from django.db.models.functions import Now
from django.utils.functional import cached_property

from groups.rules.group_settings import MAX_PLATFORM_LENGTH
from registries.failures import Words, describe
from registries.foundation.id_fields import CheckIdField


class ImageCheckQuerySet(models.QuerySet["ImageCheck"]):
    """Conditions on checks."""

    def by_turn(self) -> ImageCheckQuerySet:
        """Queued checks of organizations without a running one, the one whose turn it is first: of the organization
        whose last check ended the longest ago, then the oldest. A check is short, so one at a time is enough for an
        organization, and keeps it from using every worker."""
        others = ImageCheck.objects.filter(organization=OuterRef("organization")).order_by()
        running = others.filter(status=ImageCheck.Status.RUNNING, expires_at__gt=Now())
        last = Subquery(others.values("organization").annotate(last=Max("settled_at")).values("last"))
        queued = self.filter(~Exists(running), status=ImageCheck.Status.QUEUED)
        return queued.order_by(last.asc(nulls_first=True), "created_at", "pk")


class ImageCheck(models.Model):
    """One check of one image with one credential, by a trust, or with neither. The row is also its work order.

    `project` is the one for which a check by a trust asks.

    `steps` is a list of `{"name", "outcome", "detail", "raw", "seconds"}`, written as they happen. `platform` is the
    requested one if `platform_chosen`, `found_platform` the image's own. `resources` are those of a replica, by which
    the platform is chosen otherwise (`groups.rules.platforms.Replica`). `platforms` are those of the image that nodes
    can run, the best first, as `{"platform", "nodes", "free"}`: how many nodes can take a replica, and how many have
    room for one now. `digest` is what the tag points to, `platform_digest` the manifest of that platform in it.
    `against` is a group whose pinned image it is compared with. `layers` are the largest ones as
    `{"size", "created_by"}`; sizes are compressed, in bytes. `tags` are other tags of the repository. `remaining` is
    how many pulls the registry still allows, if it says so. `public` says that the image can be pulled without the
    credential that failed. `groups.sweep` ends overdue rows (`expires_at`) and deletes old ones.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    class Step(models.TextChoices):
        RESOLVE = "resolve", "Find the registry"
        CONNECT = "connect", "Connect"
        PING = "ping", "Ask whether it is a registry"
        AUTHENTICATE = "authenticate", "Sign in"
        MANIFEST = "manifest", "Read the manifest"
        PLATFORM = "platform", "Choose the platform"
        SIZE = "size", "Check the size"

    id = CheckIdField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="checks")
    credential = models.ForeignKey(
        "registries.Credential", null=True, blank=True, on_delete=models.SET_NULL, related_name="checks"
    )
    trust = models.ForeignKey(
        "registries.Trust", null=True, blank=True, on_delete=models.SET_NULL, related_name="checks"
    )
    project = models.ForeignKey("portal.Project", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    reference = models.CharField(max_length=512)
    registry = models.CharField(max_length=255)
    repository = models.CharField(max_length=255)
    version = models.CharField("tag or digest", max_length=140)
    provider = models.CharField("kind", max_length=20, blank=True)
    platform = models.CharField(max_length=MAX_PLATFORM_LENGTH)
    platform_chosen = models.BooleanField(default=False, db_default=False, editable=False)
    resources = models.JSONField(default=dict, blank=True, db_default=Value({}, models.JSONField()))
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED, editable=False)
    steps = models.JSONField(default=list, blank=True)

    digest = models.CharField(max_length=71, blank=True)
    platform_digest = models.CharField(max_length=71, blank=True)
    against = models.ForeignKey(
        "groups.ContainerGroup", null=True, blank=True, on_delete=models.CASCADE, related_name="checks"
    )
    found_platform = models.CharField(max_length=100, blank=True)
    platforms = models.JSONField(default=list, blank=True, db_default=Value([], models.JSONField()))
    size = models.PositiveBigIntegerField(null=True, blank=True)
    limit = models.PositiveBigIntegerField(null=True, blank=True)
    layer_count = models.PositiveIntegerField(null=True, blank=True)
    layers = models.JSONField(default=list, blank=True)
    remaining = models.PositiveIntegerField(null=True, blank=True)
    tags = models.JSONField(default=list, blank=True)

    code = models.CharField(max_length=30, blank=True)
    params = models.JSONField(default=dict, blank=True)
    raw = models.CharField("registry's code", max_length=100, blank=True)
    public = models.BooleanField(default=False)

    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = ImageCheckQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["organization", "created_at"]),
            models.Index(fields=["status", "expires_at"]),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_over(self) -> bool:
        """Whether the check has its result."""
        return self.status in (self.Status.DONE, self.Status.FAILED)

    @cached_property
    def words(self) -> Words:
        """Title, text and remedy of the failure."""
        if self.code == "interrupted":
            return Words(
                "The check did not come to its end",
                "No worker got to the end of it in time. This is about us, not about your image.",
                "Check again in a minute. If it stays so, ask support.",
            )
        return describe(self.code, self.params)
