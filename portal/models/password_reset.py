"""Links in emails that set a new password."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class PasswordResetQuerySet(models.QuerySet["PasswordReset"]):
    """Links by their state."""

    def open(self) -> PasswordResetQuerySet:
        """Those that have not expired."""
        return self.filter(expires_at__gt=Now())


class PasswordReset(models.Model):
    """A link that was sent to a person. Only a digest of its token is stored, so the table holds nothing that could
    be used. Setting a password deletes the person's links. `account_state` is a seal (`registries.secrets.one_time`)
    of what the link is for and until when: it ends when the person's password or email address changes, or when they
    sign in."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    account_state = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(db_index=True)

    objects = PasswordResetQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.person_id} {self.created_at}"
