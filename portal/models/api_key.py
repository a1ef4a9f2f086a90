"""Keys with which programs use the API for an organization."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """API keys by whether they are valid."""

    def live(self) -> ApiKeyQuerySet:
        """Keys that are neither revoked nor expired."""
        return self.filter(_LIVE)

    def with_is_live(self) -> ApiKeyQuerySet:
        """With the annotation `is_live`: whether it is neither revoked nor expired."""
        return self.annotate(is_live=_LIVE)

    def ended(self) -> ApiKeyQuerySet:
        """Keys that are revoked or expired."""
        return self.exclude(_LIVE)


_LIVE = models.Q(revoked_at__isnull=True) & (models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=Now()))


class ApiKey(models.Model):
    """One key. Only a digest of it is stored; `prefix` is its beginning, by which people recognize it. `seal` covers
    what it gives access to, and whose it is (`registries.secrets.one_time`).

    `scope` says whether it may change anything, and `project`, if there is one, that it may do so only there. The key
    works as long as its `owner` is an owner of the organization; one without an owner belongs to the organization
    until somebody takes it over. `last_used_at` and `last_used_from` are written at most once a minute. A key is valid
    until it expires, if it ever does, or is revoked; the row stays.
    """

    class Scope(models.TextChoices):
        READ = "read", "Read: looks at everything, changes nothing"
        WRITE = "write", "Write: also creates, changes and deletes groups"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=63)
    prefix = models.CharField(max_length=20, editable=False)
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    seal = models.CharField(max_length=64, default="", db_default="", editable=False)
    scope = models.CharField(max_length=5, choices=Scope.choices, default=Scope.READ)
    project = models.ForeignKey("portal.Project", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_from = models.GenericIPAddressField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["organization", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
