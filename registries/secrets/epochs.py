"""The lifetime of sealing keys: an epoch seals for an hour, and its private key is deleted once nothing needs it.

An old backup of the database can't be opened with today's keys. Worker zone only: `groups.sweep` calls these functions
in each pass. `registries.secrets.keyring` stores the keys.
"""

from __future__ import annotations

import time

import structlog
from django.conf import settings

from registries.models import Credential
from registries.secrets import keyring

log = structlog.get_logger(__name__)

EPOCH_SECONDS = 3600
"""How long an epoch seals, in seconds."""
CLOSING_SECONDS = 600
"""How long a past epoch is kept at least, in seconds: a web process may have read its public key before the epoch ended
and not yet stored what it sealed. No request takes that long."""


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
    """Delete the private key of every past epoch that no live credential is sealed with; return how many."""
    made = keyring.sealing_epochs()
    if not made or settings.PORTAL_ZONE == "web":
        return 0
    past = {epoch for epoch in {*made, *keyring.opening_epochs()} if epoch < max(made)}
    ended_at = {epoch: made[min(later for later in made if later > epoch)] for epoch in past}
    ended = sorted(epoch for epoch in past if _is_past(ended_at[epoch], CLOSING_SECONDS))
    # Read after the keys were listed: everything that was sealed with an ended epoch is stored by now.
    needed = set(Credential.objects.held().filter(epoch__in=ended).values_list("epoch", flat=True))
    deleted = 0
    for epoch in ended:
        if epoch in needed:
            continue
        try:
            deleted += keyring.delete_epoch(epoch)
        except OSError as error:
            log.error("sealing_key_not_deleted", epoch=epoch, error=type(error).__name__)
    return deleted


def _is_past(moment: float, seconds: float) -> bool:
    """Whether `moment` (seconds since 1970) is more than `seconds` ago, or that far in the future because a clock was
    set back."""
    return abs(time.time() - moment) > seconds
