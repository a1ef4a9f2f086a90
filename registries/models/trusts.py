"""The trust: how a customer's cloud lets the portal's tokens in, and each use of it. There is no secret in either."""

from __future__ import annotations

import uuid

from django import conf
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from registries.foundation.id_fields import TrustIdField
from registries.foundation.ids import OrganizationId, ProjectId
from registries.models.credentials import MAX_NAME_LENGTH


class TrustQuerySet(models.QuerySet["Trust"]):
    """Trusts by whether and for whom they can be used."""

    def live(self) -> TrustQuerySet:
        """Those that were not removed."""
        return self.filter(removed_at__isnull=True)

    def for_host(self, organization_id: OrganizationId, project_id: ProjectId | None, host: str) -> TrustQuerySet:
        """The live ones that an image of this project at `host` can be pulled with: the project's own first, then the
        organization's."""
        everybody = Q(project__isnull=True)
        usable = everybody | Q(project_id=project_id) if project_id is not None else everybody
        rows = self.live().filter(usable, organization_id=organization_id, host=host)
        return rows.order_by(F("project").asc(nulls_last=True))


class Trust(models.Model):
    """How images of one registry are pulled without a secret: the registry's cloud trusts the organization's issuer,
    and exchanges a token of it for a login.

    `provider` is a kind of `registries.providers.trust_kinds`, which says what `settings` has; nothing in it is secret.
    `project` is the only one whose groups use it, None for all of the organization's. `mark` proves that the columns
    that decide whom the portal asks are what a member entered (`registries.secrets.trust_marks`). The row of a removed
    trust stays for its uses.
    """

    id = TrustIdField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="trusts")
    project = models.ForeignKey("portal.Project", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    provider = models.CharField("registry", max_length=20)
    host = models.CharField(max_length=255)
    settings = models.JSONField(default=dict, blank=True)
    mark = models.CharField(max_length=64, editable=False)
    created_by = models.ForeignKey(
        conf.settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TrustQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["organization", "host"])]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "host"],
                condition=Q(project__isnull=True, removed_at__isnull=True),
                name="trust_once_for_host",
            ),
            models.UniqueConstraint(
                fields=["project", "host"],
                condition=Q(project__isnull=False, removed_at__isnull=True),
                name="trust_once_for_project",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.host})"

    @property
    def is_live(self) -> bool:
        """Whether it was not removed."""
        return self.removed_at is None


class TrustUse(models.Model):
    """One token that was made for a trust, without the token: what the other side's log shows of it.

    `pull` is the id of the attempt or check that it was made for, which the token carries. `outcome` is empty until the
    cloud has answered, then `accepted` or the code of the failure.
    """

    ACCEPTED = "accepted"

    trust = models.ForeignKey(Trust, on_delete=models.CASCADE, related_name="uses")
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="+")
    pull = models.CharField(max_length=64)
    image_id = models.UUIDField(null=True, blank=True)
    check_id = models.UUIDField(null=True, blank=True)
    group_name = models.CharField("container group", max_length=63, blank=True)
    reference = models.CharField("image", max_length=512)
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=500)
    audience = models.CharField(max_length=500)
    jti = models.CharField("token id", max_length=64)
    issued_at = models.DateTimeField(db_default=Now(), editable=False)
    outcome = models.CharField(max_length=40, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-issued_at"]
        indexes = [models.Index(fields=["trust", "-issued_at"]), models.Index(fields=["image_id", "-issued_at"])]

    def __str__(self) -> str:
        return self.pull
