"""Organizations, their projects and members."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now

from registries.foundation.id_fields import OrganizationIdField, ProjectIdField

SLUG = RegexValidator(
    r"\A[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z",
    "Use 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends.",
)


class Role(models.TextChoices):
    """What a member may do: a viewer reads, a member also changes things, an owner also manages people."""

    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"

    @property
    def rank(self) -> int:
        """Greater means more is allowed."""
        return {"viewer": 1, "member": 2, "owner": 3}[self.value]


class Organization(models.Model):
    """A customer. All of a customer's rows belong to one organization and are invisible to others. Its limits and
    suspension are its `groups.models.Quota`. `uuid` names it in tokens of its issuer: it never changes and is never
    given again; `identity_mark` proves that the portal gave it (`registries.secrets.identity_marks`)."""

    id = OrganizationIdField("ID", primary_key=True, auto_created=True)
    uuid = models.UUIDField("UUID", unique=True, default=uuid.uuid4, editable=False)
    identity_mark = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    slug = models.CharField("address", max_length=63, unique=True, validators=[SLUG])
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    second_factor_required_from = models.DateTimeField(null=True, blank=True, editable=False)
    """From when on members without a second factor can't open its pages; None where it requires none."""
    requires_sso = models.BooleanField(default=False, db_default=False, editable=False)
    """Only sessions of its identity provider open its pages, also while it has none. See
    `portal.accounts.sso.requirement`."""
    sso_opened_mark = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    """Says that the portal has opened it again since it was last closed to other sign-ins."""
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="organizations")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Project(models.Model):
    """A folder of groups inside an organization; each organization has `default`. `uuid` as of an organization."""

    id = ProjectIdField("ID", primary_key=True, auto_created=True)
    uuid = models.UUIDField("UUID", unique=True, default=uuid.uuid4, editable=False)
    identity_mark = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="projects")
    slug = models.CharField("address", max_length=63, validators=[SLUG])
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organization", "slug"], name="project_slug")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's role in one organization."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.role}"
