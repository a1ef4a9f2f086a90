"""Requests for a mail with a link that sets a password, which anybody can make with any address."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from registries.foundation.id_fields import PasswordMailIdField

KEPT = timedelta(hours=1)
"""A request that no worker has taken in this time is dropped: nobody waits for the mail any more."""


class PasswordMailQuerySet(models.QuerySet["PasswordMail"]):
    """Requests by what has happened to them."""

    def waiting(self) -> PasswordMailQuerySet:
        """Those that no worker has taken."""
        return self.filter(taken_at__isnull=True, asked_at__gt=Now() - KEPT)


class PasswordMail(models.Model):
    """A request, whether or not the address that was typed has an account: `person` is None where it has none. It holds
    no link: the worker that takes it makes one."""

    id = PasswordMailIdField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    asked_at = models.DateTimeField(db_default=Now(), db_index=True, editable=False)
    taken_at = models.DateTimeField(null=True, editable=False)

    objects = PasswordMailQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.pk)
