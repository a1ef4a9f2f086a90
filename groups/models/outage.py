"""Outages of registries, as the sweeper finds them in the failed attempts of several organizations."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

SHOWN_AFTERWARDS = timedelta(minutes=30)
"""How long members read that an outage is over. One that begins again within this time is the same."""


class OutageQuerySet(models.QuerySet["Outage"]):
    """Conditions on outages."""

    def current(self) -> OutageQuerySet:
        """Outages that are not over."""
        return self.filter(ended_at__isnull=True)

    def shown(self) -> OutageQuerySet:
        """Current outages, and those that ended a short time ago."""
        return self.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=Now() - SHOWN_AFTERWARDS))


class Outage(models.Model):
    """A time in which pulls from one registry failed at several organizations, or those from nearly every registry.

    `registry` is `service_key` of its host, or `EVERYWHERE`; `kind` is the kind of registry, "" for everywhere.
    `attempts`, `organizations` and `registries` are the most that failed within ten minutes, `usual` how many attempts
    fail in that time without an outage. `code` is the most frequent failure. `began_at` and `last_failed_at` are times
    of failures; `ended_at` is when the outage was found to be over, and `recovered` whether a pull succeeded since.
    """

    EVERYWHERE = "everywhere"

    registry = models.CharField(max_length=32)
    kind = models.CharField(max_length=20, blank=True)
    code = models.CharField(max_length=30)
    attempts = models.PositiveIntegerField()
    usual = models.FloatField()
    organizations = models.PositiveIntegerField()
    registries = models.PositiveIntegerField(default=1, db_default=1)
    began_at = models.DateTimeField()
    last_failed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    recovered = models.BooleanField(default=False, db_default=False)

    objects = OutageQuerySet.as_manager()

    class Meta:
        ordering = ["-began_at"]
        constraints = [
            models.UniqueConstraint(fields=["registry"], condition=Q(ended_at__isnull=True), name="one_outage_at_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind or self.registry} {self.code}"

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None

    @property
    def is_everywhere(self) -> bool:
        return self.registry == self.EVERYWHERE
