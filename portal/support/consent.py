"""What support may see of a failure: all of it where a member shares it, else its code, step, kind of registry and
times. Operators see everything in the admin.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from groups.models import Failure
from portal.models import SupportRequest, User
from portal.support.targets import conversation_target, failure_target
from registries.failures import describe
from registries.foundation.activity import record
from registries.foundation.actor import Actor
from registries.foundation.ids import FailureId
from registries.providers import PROVIDERS
from registries.providers.recognise import recognise


def is_operator(person: User | AnonymousUser) -> bool:
    """Whether this person may see everything."""
    return person.is_active and person.is_superuser


def shared(failure: str = "pk") -> Exists:
    """For a query: whether a member shares the failure with support. `failure` is the column with the failure's key."""
    return Exists(_consents().filter(failure=OuterRef(failure)))


def is_shared(failure: Failure) -> bool:
    """Whether a member shares the failure with support."""
    return Failure.objects.filter(shared(), pk=failure.pk).exists()


def sees_all(person: User, failure: Failure) -> bool:
    """Whether this person of support may see more of the failure than what happened, at which step and when."""
    return is_operator(person) or is_shared(failure)


def shared_ids(failures: Iterable[FailureId]) -> set[FailureId]:
    """Those of these failures that a member shares with support."""
    return set(Failure.objects.filter(shared(), pk__in=failures).values_list("pk", flat=True))


def share(request: SupportRequest, *, by: Actor) -> bool:
    """Let support see all of the failure that the request is about. Returns whether that is new."""
    with transaction.atomic():
        if not SupportRequest.objects.filter(pk=request.pk, failure__isnull=False, shares=False).update(shares=True):
            return False
        record(by, "support.shared", conversation_target(request), organization_id=request.organization_id)
    return True


def stop_sharing(failure: Failure, *, by: Actor) -> bool:
    """Stop sharing a failure with support, whoever of the organization shared it. Returns whether it was shared."""
    with transaction.atomic():
        if not _consents().filter(failure=failure).update(shares=False):
            return False
        record(by, "support.unshared", failure_target(failure), organization_id=failure.organization_id)
    return True


def kind_of(failure: Failure) -> str:
    """The kind of registry, which names no customer."""
    return (PROVIDERS.get(failure.provider) or recognise(failure.registry)).name


def title_of(code: str) -> str:
    """What happened, without any name of the customer's."""
    return describe(code, {}).title


def _consents() -> QuerySet[SupportRequest]:
    """The rule: a failure is shared as long as one request about it shares it."""
    return SupportRequest.objects.filter(shares=True)
