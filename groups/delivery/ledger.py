"""The rows of the delivery ledger: who presented which token, and what was refused.

Refusals are recorded up to a number per minute for one token or one address, so that nobody can fill the table.
"""

from __future__ import annotations

from enum import StrEnum

import structlog
from django.core.cache import caches

from groups.models import NodeToken, Redemption
from groups.rules.events import note_replay

MAX_A_MINUTE = 30

log = structlog.get_logger(__name__)


class Reason(StrEnum):
    """Why something was refused."""

    UNKNOWN = "unknown"
    OTHER_NODE = "other_node"
    OTHER_ADDRESS = "other_address"
    REPLAYED = "replayed"
    EXPIRED = "expired"
    REVOKED = "revoked"
    LAYER_AGAIN = "layer_again"
    NOT_LISTED = "not_listed"


def accepted(token: NodeToken, address: str | None, outcome: Redemption.Outcome) -> None:
    """Record that the token's node opened or repeated its session."""
    Redemption.objects.create(token=token, presented_by=str(token.node_id or ""), address=address, outcome=outcome)
    log.info("token_redeemed", token=str(token.id), outcome=outcome.value)


def refused(token: NodeToken | None, presented_by: str, address: str | None, reason: Reason) -> None:
    """Record a refusal. `presented_by` is the id of the node that the caller claims to be, or empty."""
    log.warning("token_refused", token=str(token.id) if token else None, reason=reason.value, by=presented_by)
    if _is_within_rate(str(token.id) if token else f"from {address}"):
        Redemption.objects.create(
            token=token,
            presented_by=presented_by,
            address=address,
            outcome=Redemption.Outcome.REFUSED,
            reason=reason.value,
        )
    if token is not None and reason in (Reason.REPLAYED, Reason.OTHER_NODE, Reason.OTHER_ADDRESS):
        note_replay(token)


def _is_within_rate(source: str) -> bool:
    cache, name = caches["node_calls"], f"refusals-{source.replace(' ', '-')}"
    if cache.add(name, 1, timeout=60):
        return True
    try:
        return cache.incr(name) <= MAX_A_MINUTE
    except ValueError:  # it expired in between
        return True
