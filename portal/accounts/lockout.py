"""Whom the lock of failed sign-ins is about (`AXES_USERNAME_CALLABLE`).

axes counts by client address and by this name. Without it all people behind one client address would be counted
together: allauth calls what was typed `email`, and axes looks for the name of the form's field.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest

from portal.models import User
from portal.models.user import canonical_email

MAX_LENGTH: int = User._meta.get_field("email").max_length or 0


def locked_name(request: HttpRequest, credentials: Mapping[str, str] | None) -> str:
    """Return the email address that was typed, or of whoever has signed in, as accounts have it."""
    given = credentials or {}
    typed = given.get("email") or given.get("username") or given.get("login") or request.POST.get("login", "")
    return canonical_email(typed.replace("\0", ""))[:MAX_LENGTH]
