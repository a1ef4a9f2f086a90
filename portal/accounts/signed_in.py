"""Who is signed in, as a row of its own."""

from __future__ import annotations

from django.http import HttpRequest

from portal.models import User
from registries.foundation.ids import UserId


def person_of(request: HttpRequest) -> User:
    """Return the signed-in person as the database has them now: what changes this row doesn't change `request.user`.
    Raises User.DoesNotExist."""
    return User.objects.get(pk=request.user.pk or UserId(0))
