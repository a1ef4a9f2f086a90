"""Refused sign-ins that are not in the activity yet."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class RefusedSignIn(models.Model):
    """One refused sign-in, kept until the sweeper has appended it to the activity.

    `person` is the account with the address; where there is none, `typed_address` holds what was typed. The database
    has no foreign key to the person: checking it would take longer for an address that has an account. `is_signed_in`:
    the person was signed in already and had to confirm it.

    A row with `recorded_at` is no refusal: it holds the time at which the sweeper last appended refusals with this
    person, reason and `is_signed_in`, and how many `times` those were.
    """

    class Reason(models.TextChoices):
        """Why the sign-in was refused."""

        PASSWORD = "password", "wrong password or unknown address"
        SECOND_FACTOR = "second_factor", "wrong code of a second factor"
        DEACTIVATED = "deactivated", "the account is deactivated"
        ALTERED = "altered", "the account was changed outside the portal"

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, db_constraint=False, related_name="+"
    )
    reason = models.CharField(max_length=20, choices=Reason.choices)
    is_signed_in = models.BooleanField(default=False)
    typed_address = models.CharField(max_length=100, blank=True)
    client_address = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    recorded_at = models.DateTimeField(null=True)
    times = models.PositiveIntegerField(db_default=0)

    def __str__(self) -> str:
        return f"{self.reason} {self.created_at}"
