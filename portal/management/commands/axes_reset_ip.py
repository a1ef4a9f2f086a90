"""django-axes' `axes_reset_ip`, recorded in the activity."""

from __future__ import annotations

from axes.management.commands import axes_reset_ip
from django.db.models import Q

from portal.management.sign_in_locks import lift_locks


class Command(axes_reset_ip.Command):  # type: ignore[misc]  # axes has no types
    """Takes the same arguments as the command of django-axes."""

    def handle(self, *args: object, ip: list[str], **options: object) -> None:
        lift_locks(self, Q(ip_address__in=ip))
