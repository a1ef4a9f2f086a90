"""What somebody may do on the portal itself: one role in place of three columns that have to fit each other."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models

from portal.models import User


class StaffRole(models.TextChoices):
    """Which role a person has in running the portal."""

    NONE = "none", "None: only what they may do in organizations"
    SUPPORT = "support", "Support: failures that members share, and their requests"
    OPERATOR = "operator", "Operator: everything"


RIGHTS: Mapping[StaffRole, Mapping[str, bool]] = {
    StaffRole.NONE: {"is_staff": False, "is_support": False, "is_superuser": False},
    StaffRole.SUPPORT: {"is_staff": True, "is_support": True, "is_superuser": False},
    StaffRole.OPERATOR: {"is_staff": True, "is_support": False, "is_superuser": True},
}
"""The columns of an account with each role."""


def role_of(person: User) -> StaffRole:
    """Return the person's role. An operator who is support too is an operator."""
    if person.is_staff and person.is_superuser:
        return StaffRole.OPERATOR
    return StaffRole.SUPPORT if person.is_staff and person.is_support else StaffRole.NONE
