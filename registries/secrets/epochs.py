"""The life of sealing keys: an epoch begins, seals for an hour, and its private key is deleted once nothing needs it.

So whoever has an old backup of the database and all keys of today opens nothing. Worker zone only: `groups.sweep` calls
it in each pass. Where keys are kept is `registries.secrets.keyring`'s.
"""

from __future__ import annotations

import time

import structlog
from django.conf import settings

from registries.models import Credential
from registries.secrets import keyring

log = structlog.get_logger(__name__)

EPOCH_SECONDS = 3600
"""How long an epoch's public key seals."""
CLOSING_SECONDS = 600
"""How long a past epoch is kept at least: a web process may have read its public key before it ended, and has not
stored yet what it sealed. No request takes so long."""


def begin_epoch() -> int:
    """Begin a new epoch where the current one has lasted its time; return how many were begun."""
    made = keyring.sealing_epochs()
    if not made or settings.PORTAL_ZONE == "web":
        return 0
    current = max(made)
    if not _is_past(made[current], EPOCH_SECONDS):
        return 0
    try:
        keyring.create_epoch(after=current)
    except OSError as error:
        log.error("sealing_key_stays", epoch=current, error=type(error).__name__)
        return 0
    return 1


def delete_past_epochs() -> int:
    """Delete the private key of every past epoch that no live credential is sealed with; return how many."""
    made = keyring.sealing_epochs()
    if not made or settings.PORTAL_ZONE == "web":
        return 0
    past = {epoch for epoch in {*made, *keyring.opening_epochs()} if epoch < max(made)}
    began = {epoch: made[min(each for each in made if each > epoch)] for epoch in past}  # of the one after it
    ended = sorted(epoch for epoch in past if _is_past(began[epoch], CLOSING_SECONDS))
    # Asked after the keys were listed: whatever is sealed with an ended epoch has been stored by now.
    needed = set(Credential.objects.held().filter(epoch__in=ended).values_list("epoch", flat=True))
    deleted = 0
    for epoch in ended:
        if epoch in needed:
            continue
        try:
            deleted += keyring.delete_epoch(epoch)
        except OSError as error:
            log.error("sealing_key_stays", epoch=epoch, error=type(error).__name__)
    return deleted


def _is_past(moment: float, seconds: float) -> bool:
    """Whether `moment` is longer ago; or lies so far in the future that a clock must have been set back."""
    return abs(time.time() - moment) > seconds
