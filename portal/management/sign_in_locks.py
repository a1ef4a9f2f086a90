"""Lifting sign-in locks at the console: what django-axes' own `axes_reset…` commands do, recorded in the activity."""

from __future__ import annotations

from axes.models import AccessAttempt
from django.core.management.base import BaseCommand
from django.db.models import Q

from portal.accounts.actions import lift_lock
from registries.foundation.actor import CONSOLE


def lift_locks(command: BaseCommand, which: Q) -> None:
    """Lift these locks, each in a transaction of its own, and print how many there were."""
    attempts = AccessAttempt.objects.filter(which).order_by("pk")
    lifted = sum(lift_lock(attempt, by=CONSOLE) for attempt in attempts)
    command.stdout.write(f"{lifted} attempts removed." if lifted else "No attempts found.")
