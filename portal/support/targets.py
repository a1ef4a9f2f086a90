"""The targets of support's actions in the activity: failures and conversations."""

from __future__ import annotations

from groups.models import Failure
from portal.models import SupportRequest
from registries.foundation.activity import Target


def failure_target(failure: Failure) -> Target:
    """A failure in its organization's activity."""
    return Target("failure", failure.pk, f"the failure of {failure.group_name}")


def conversation_target(request: SupportRequest) -> Target:
    """A conversation in its organization's activity, named after what the member asked about."""
    if request.failure is not None:
        return Target("conversation", request.pk, f"the failure of {request.failure.group_name}")
    return Target("conversation", request.pk, request.registry or "another question")


def nameless_target(subject: Failure | SupportRequest) -> Target:
    """A failure or conversation without any name that support may not see, for the portal's own activity."""
    kind = "failure" if isinstance(subject, Failure) else "conversation"
    return Target(kind, subject.pk, nameless(subject))


def nameless(subject: Failure | SupportRequest) -> str:
    """`Failure 1f3a9c0b`."""
    return f"{subject._meta.verbose_name} {str(subject.pk)[:8]}".capitalize()
