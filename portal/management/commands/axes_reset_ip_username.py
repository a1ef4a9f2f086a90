"""django-axes' `axes_reset_ip_username`, recorded in the activity."""

from __future__ import annotations

from axes.management.commands import axes_reset_ip_username
from django.db.models import Q

from portal.management.sign_in_locks import lift_locks


class Command(axes_reset_ip_username.Command):  # type: ignore[misc]  # axes has no types
    """Takes the same arguments as the command of django-axes."""

    def handle(self, *args: object, ip: str, username: str, **options: object) -> None:
        lift_locks(self, Q(ip_address=ip, username=username))
