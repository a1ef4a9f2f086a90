"""When the issuers' keys are replaced: on a schedule, with two keys that overlap, or at once.

    published ── a day ──→ signs ── PORTAL_ISSUER_KEY_DAYS ──→ the next one is published ── a day ──→ it signs,
                                                                                  an hour later the old one is withdrawn

Worker zone only: `groups.sweep` keeps the schedule, and `manage.py rotate_issuer_keys` is for people.
"""

from __future__ import annotations

import structlog
from django.conf import settings

from registries.secrets import issuer_keys
from registries.secrets.keyring import KeyUnavailable, folder_time

log = structlog.get_logger(__name__)

DAY_SECONDS = 86_400
WITHDRAWN_AFTER_SECONDS = 3600
"""How long a key stays published after its last signature: longer than any token lives."""


def ensure_key() -> int:
    """Create the first key where there is none, and publish those whose public part is missing; return how many were
    published. Raises KeyUnavailable in the web zone, and OSError."""
    numbers = issuer_keys.signing_numbers()
    if not numbers:
        return int(bool(issuer_keys.create(after=max(issuer_keys.published(), default=0))))
    return sum(issuer_keys.publish(number) for number in numbers)


def publish_next() -> int | None:
    """Publish the key that signs next; return its number, or None if one is waiting already."""
    ensure_key()
    newest = max(issuer_keys.signing_numbers())
    if newest != issuer_keys.current_number():
        return None
    return issuer_keys.create(after=newest)


def replace_now() -> int:
    """Create a key that signs at once, and withdraw all others; return its number. Until clouds fetch the keys again,
    they refuse what it signs."""
    before = sorted({*issuer_keys.signing_numbers(), *issuer_keys.published()})
    created = issuer_keys.create(after=max(before, default=0))
    for number in before:
        issuer_keys.withdraw(number)
    return created


def seconds_until_next_signs() -> int:
    """Return how long until the newest key signs; 0 if it does."""
    newest = max(issuer_keys.signing_numbers())
    if newest == issuer_keys.current_number():
        return 0
    public_for = folder_time() - issuer_keys.published().get(newest, folder_time())
    return max(0, round(issuer_keys.PUBLIC_BEFORE_SECONDS - public_for))


def keep_schedule() -> int:
    """Publish the next key when it is due and withdraw past ones; return how many were published or withdrawn."""
    if settings.PORTAL_ZONE == "web":
        return 0
    try:
        changed = ensure_key()
        return changed + _publish_if_due() + _withdraw_past()
    except (KeyUnavailable, OSError) as error:
        log.error("issuer_keys_not_rotated", error=type(error).__name__)
        return 0


def _publish_if_due() -> int:
    times = issuer_keys.published()
    newest = max(times)
    if folder_time() - times[newest] < settings.PORTAL_ISSUER_KEY_DAYS * DAY_SECONDS:
        return 0
    number = publish_next()
    if number is not None:
        log.info("issuer_key_published", number=number)
    return int(number is not None)


def _withdraw_past() -> int:
    """Withdraw keys that are older than the one that signs, once that has signed for a while."""
    current, times = issuer_keys.current_number(), issuer_keys.published()
    signs_since = times[current] + issuer_keys.PUBLIC_BEFORE_SECONDS
    if folder_time() - signs_since < WITHDRAWN_AFTER_SECONDS:
        return 0
    past = [number for number in {*times, *issuer_keys.signing_numbers()} if number < current]
    for number in past:
        issuer_keys.withdraw(number)
        log.info("issuer_key_withdrawn", number=number)
    return len(past)
