"""The lifetime of sealing keys: an epoch seals for an hour, and its private key is deleted once nothing needs it.

An old backup of the database can't be opened with today's keys. Worker zone only: `groups.sweep` calls these functions
in each pass. `registries.secrets.keyring` stores the keys.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.conf import settings

from registries.models import Credential
from registries.secrets import keyring

log = structlog.get_logger(__name__)

HOUR_SECONDS = 3600
"""How long a credential is kept for other groups, and how long the last attempt of a pull may take."""
MAX_CLOCK_DIFFERENCE = timedelta(hours=1)
"""How far the clock of a worker may be from the database's. A worker uses no credential later than this after its
latest deadline by the worker's own clock, whatever the database says."""
EPOCH_SECONDS = 3600
"""How long an epoch seals, in seconds."""
CLOSING_SECONDS = 600
"""How long a past epoch is kept at least, in seconds: a web process may have read its public key before the epoch ended
and not yet stored what it sealed. No request takes that long."""


def max_credential_seconds() -> int:
    """Return how long a credential can be kept at most, in seconds: a pull that begins an hour after it was entered is
    retried, and its last attempt takes an hour."""
    return 2 * HOUR_SECONDS + int(settings.PORTAL_PULL_RETRY_SECONDS)


def begin_epoch() -> int:
    """Begin a new epoch if the current one is over; return how many were begun (0 or 1)."""
    made = keyring.sealing_epochs()
    if not made or settings.PORTAL_ZONE == "web":
        return 0
    current = max(made)
    if not _is_past(made[current], EPOCH_SECONDS):
        return 0
    try:
        keyring.create_epoch(after=current)
    except OSError as error:
        log.error("sealing_epoch_not_begun", epoch=current, error=type(error).__name__)
        return 0
    return 1


def delete_past_epochs() -> int:
    """Delete the private key of every past epoch that no live credential is sealed with; return how many.

    A key is also deleted once every credential of its epoch must be over, even if rows say that they are still held:
    rows can't keep a credential alive.
    """
    made = keyring.sealing_epochs()
    if not made or settings.PORTAL_ZONE == "web":
        return 0
    past = {epoch for epoch in {*made, *keyring.opening_epochs()} if epoch < max(made)}
    ended_at = {epoch: made[min(later for later in made if later > epoch)] for epoch in past}
    ended = sorted(epoch for epoch in past if _is_past(ended_at[epoch], CLOSING_SECONDS))
    # Read after the keys were listed: everything that was sealed with an ended epoch is stored by now.
    needed = set(Credential.objects.held().filter(epoch__in=ended).values_list("epoch", flat=True))
    max_seconds = CLOSING_SECONDS + max_credential_seconds() + MAX_CLOCK_DIFFERENCE.total_seconds()
    deleted = 0
    for epoch in ended:
        if epoch in needed:
            if keyring.folder_time() - ended_at[epoch] <= max_seconds:
                continue
            log.error("sealing_key_deleted_despite_rows", epoch=epoch)
        try:
            deleted += keyring.delete_epoch(epoch)
        except OSError as error:
            log.error("sealing_key_not_deleted", epoch=epoch, error=type(error).__name__)
    return deleted


def _is_past(moment: float, seconds: float) -> bool:
    """Whether `moment` (seconds since 1970) is more than `seconds` ago, or that far in the future because a clock was
    set back. By the clock of the keys' folder: a host whose own is wrong deletes no key that was just made."""
    return abs(keyring.folder_time() - moment) > seconds
