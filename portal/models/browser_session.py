"""Browsers in which somebody is signed in, for the list on the page of one's account."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class BrowserSessionQuerySet(models.QuerySet["BrowserSession"]):
    """Browsers by their state."""

    def seen_since(self, span: timedelta) -> BrowserSessionQuerySet:
        """Those that were used within this span."""
        return self.filter(seen_at__gt=Now() - span)


class BrowserSession(models.Model):
    """What people read of one of their sessions. It decides nothing: whether a session is valid, and until when, is in
    its encrypted content (`portal.accounts.session_limits`).

    `row_key` is the key of the session's row, a digest of what is in the cookie. `session_epoch` is the person's when
    the browser was last used: sessions of an earlier epoch have ended.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    row_key = models.CharField(max_length=40, unique=True, editable=False)
    session_epoch = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    device = models.CharField(max_length=100, blank=True, editable=False)
    address = models.CharField(max_length=45, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    seen_at = models.DateTimeField(db_default=Now(), db_index=True)

    objects = BrowserSessionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.person_id} {self.device}"
