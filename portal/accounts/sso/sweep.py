"""What the sweeper does for single sign-on: lost wake-ups, regular questions to providers and DNS, old rows."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from groups.rules.wakeups import WAKEUP_LOST_AFTER, waiting
from portal.accounts.sso import domain_lookup, logout, requirement, withdrawal
from portal.accounts.sso.wakeups import QUEUE, wake_configure, wake_sign_in
from portal.models import SsoProvider, SsoSignIn

KEPT = timedelta(days=1)
READ_EVERY = timedelta(hours=6)
MAX_WOKEN = 100


def sweep() -> dict[str, int]:
    """Do one pass; return how many there were of each kind. Nothing is woken while jobs wait for a worker."""
    counts = {"sso_sign_ins_deleted": SsoSignIn.objects.filter(expires_at__lt=Now() - KEPT).delete()[0]}
    _empty_expired()
    counts["sso_logouts_deleted"] = logout.sweep()
    counts["sso_required_again"] = requirement.restore()
    if waiting(QUEUE):
        return counts
    lost = SsoSignIn.objects.in_time().filter(status=SsoSignIn.Status.EXCHANGING, sealed__isnull=False)
    lost = lost.filter(created_at__lt=Now() - WAKEUP_LOST_AFTER)
    for sign_in_id in lost.values_list("pk", flat=True)[:MAX_WOKEN]:
        wake_sign_in(sign_in_id)
    counts["sso_logouts_woken"] = logout.wake_again()
    old = Q(checked_at__isnull=True) | Q(checked_at__lt=Now() - READ_EVERY)
    for provider_id in SsoProvider.objects.filter(old).values_list("pk", flat=True)[:MAX_WOKEN]:
        wake_configure(provider_id)
    counts["sso_accounts_checked"] = withdrawal.sweep()
    counts["sso_domains_checked"] = domain_lookup.sweep()
    return counts


def _empty_expired() -> None:
    """Remove codes, claims and tokens of sign-ins that nobody can redeem any more."""
    over = SsoSignIn.objects.filter(expires_at__lte=Now())
    kept = Q(sealed__isnull=False) | Q(result__isnull=False) | Q(refresh__isnull=False)
    over.filter(kept).update(sealed=None, result=None, refresh=None)
