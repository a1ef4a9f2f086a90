"""What support may see of a failure: all of it where a member said so, else its code, step, kind of registry and times.

Operators run the machines and see everything in the admin anyway.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from groups.models import Failure
from portal.models import SupportRequest
from registries.failures import FAILURES, Unexpected
from registries.providers import PROVIDERS
from registries.providers.recognise import recognise


def is_operator(person: Any) -> bool:
    """Whether nothing is kept from this person."""
    return bool(person.is_active and person.is_superuser)


def sees_all(person: Any, failure: Failure) -> bool:
    """Whether this person of support may see more of the failure than what happened, where and when."""
    return is_operator(person) or failure.support_requests.filter(shares=True).exists()


def shared() -> Exists:
    """For a query of requests: whether their failure is shared with support."""
    return Exists(SupportRequest.objects.filter(failure=OuterRef("failure"), shares=True))


def shared_ids(failures: QuerySet[Failure] | list[Any]) -> set[Any]:
    """Those of these failures, by id, that are shared with support."""
    rows = SupportRequest.objects.filter(failure__in=failures, shares=True)
    return set(rows.values_list("failure_id", flat=True))


def kind_of(failure: Failure) -> str:
    """The kind of registry in words, which names nobody."""
    return (PROVIDERS.get(failure.provider) or recognise(failure.registry)).name


def title_of(code: str) -> str:
    """What happened in words that name nobody."""
    return FAILURES.get(code, Unexpected).title
