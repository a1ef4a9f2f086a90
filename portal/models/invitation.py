"""Invitations to join an organization."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from portal.models.organization import Role
from portal.models.user import AddressProof


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations by their state."""

    def unanswered(self) -> InvitationQuerySet:
        """Those that were neither accepted nor withdrawn; they may have expired."""
        return self.filter(accepted_at__isnull=True, withdrawn_at__isnull=True)

    def open(self) -> InvitationQuerySet:
        """Those that can still be accepted."""
        return self.unanswered().filter(_IN_TIME)

    def with_is_expired(self) -> InvitationQuerySet:
        """With the annotation `is_expired`."""
        return self.annotate(is_expired=~_IN_TIME)


_IN_TIME = models.Q(expires_at__gt=Now())


class Invitation(models.Model):
    """An invitation of one e-mail address, to be accepted once. Only a digest of its token is stored, so the table
    holds nothing that could be used. `proof` is what opening the link shows about the address: nothing if somebody else
    was shown the link, such as whoever invites. `seal` covers to whom it gives what (`registries.secrets.one_time`). It
    ends at `accepted_at`, `withdrawn_at` or `expires_at`, whichever is first."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField("e-mail address")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    proof = models.CharField(
        max_length=10, choices=AddressProof.choices, blank=True, default="", db_default="", editable=False
    )
    seal = models.CharField(max_length=64, default="", db_default="", editable=False)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["organization", "-created_at"])]
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role"),
            models.CheckConstraint(condition=models.Q(proof__in=AddressProof.values), name="invitation_proof"),
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.role}"
