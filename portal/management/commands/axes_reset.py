"""django-axes' `axes_reset`, recorded in the activity."""

from __future__ import annotations

from axes.management.commands import axes_reset
from django.db.models import Q

from portal.management.sign_in_locks import lift_locks


class Command(axes_reset.Command):  # type: ignore[misc]  # axes has no types
    """Takes the same arguments as the command of django-axes."""

    def handle(self, *args: object, **options: object) -> None:
        lift_locks(self, Q())
