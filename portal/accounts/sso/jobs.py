"""The worker's jobs of single sign-on. Like those in `groups.jobs` they take an id and never raise."""

from __future__ import annotations

from groups.jobs import run_job
from portal.accounts.sso import domain_lookup, exchange, logout, withdrawal
from registries.foundation.ids import (
    LinkedIdentityId,
    ProviderLogoutId,
    SsoProviderId,
    SsoSignInId,
    VerifiedDomainId,
)


def configure(provider_id: str) -> None:
    """Read the discovery document of a provider."""
    run_job("configure", SsoProviderId, provider_id, exchange.configure)


def sign_in(sign_in_id: str) -> None:
    """Exchange the code of a sign-in, and verify what comes back."""
    run_job("sign_in", SsoSignInId, sign_in_id, exchange.verify)


def sign_out(logout_id: str) -> None:
    """Verify a logout token, and end the sessions that it names."""
    run_job("sign_out", ProviderLogoutId, logout_id, logout.verify)


def refresh(identity_id: str) -> None:
    """Ask a provider whether an account is still there."""
    run_job("refresh", LinkedIdentityId, identity_id, withdrawal.check)


def find_domain(domain_id: str) -> None:
    """Look for the record of a domain."""
    run_job("find_domain", VerifiedDomainId, domain_id, domain_lookup.look_up)
