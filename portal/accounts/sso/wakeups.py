"""Waking a worker for sign-ins with a provider, once the transaction has committed."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.db import transaction

from groups.rules import wakeups
from registries.foundation.ids import LinkedIdentityId, ProviderLogoutId, SsoProviderId, SsoSignInId, VerifiedDomainId

QUEUE = "sign_ins"


def wake_configure(provider_id: SsoProviderId) -> None:
    """Have a worker read the discovery document of a provider."""
    _wake("configure", provider_id)


def wake_sign_in(sign_in_id: SsoSignInId) -> None:
    """Have a worker exchange the code of a sign-in."""
    _wake("sign_in", sign_in_id)


def wake_sign_out(logout_id: ProviderLogoutId) -> None:
    """Have a worker verify a logout token."""
    _wake("sign_out", logout_id)


def wake_refresh(identity_id: LinkedIdentityId) -> None:
    """Have a worker ask the provider whether an account is still there."""
    _wake("refresh", identity_id)


def wake_find_domain(domain_id: VerifiedDomainId) -> None:
    """Have a worker look for the record of a domain."""
    _wake("find_domain", domain_id)


def _wake(job: str, row: UUID) -> None:
    transaction.on_commit(partial(wakeups.enqueue_job, QUEUE, job, str(row)))
