"""One-time tokens: minted for one instance on one node, redeemed once.

Redeeming is one conditional UPDATE with the database's clock, committed before the response. Its conditions are columns
of the token's own row only, so that of two at once the second sees what the first wrote. `groups.delivery.sessions`
checks the session that it opens; `groups.delivery.ledger` records refusals.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from django.db import models, transaction
from django.db.models.functions import Now

from groups.delivery import ledger
from groups.delivery.ledger import Reason
from groups.delivery.sessions import SESSION_LIFETIME, bearer_of
from groups.models import Instance, Node, NodeManifest, NodeToken, Redemption
from groups.models.delivery import NodeTokenQuerySet
from registries.foundation.ids import NodeId
from registries.secrets import one_time
from registries.secrets.one_time import Purpose

PREFIX = "drt_"
TOKEN_LIFETIME = timedelta(minutes=15)
REPEAT_WINDOW = timedelta(seconds=60)


class EndReason(StrEnum):
    """Why a token or its session is over."""

    DELIVERED = "delivered"
    REISSUED = "reissued"
    GIVEN_BACK = "given back"
    STOPPED = "stopped"
    REVOKED = "revoked"
    NODE_SILENT = "node silent"
    NODE_REMOVED = "node removed"
    REALLOCATED = "reallocated"
    KEY_REPLACED = "key replaced"
    SUSPENDED = "suspended"


class TokenRefused(Exception):
    """The token can't be redeemed. `reason` is for the ledger, not for the caller."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True)
class Session:
    """An open session. `expires_in` is in seconds."""

    token: NodeToken
    bearer: str = field(repr=False)
    expires_in: int


def mint(instance: Instance, manifest: NodeManifest) -> tuple[str, NodeToken]:
    """Create a token with which the instance's node can fetch the manifest's image; return its secret, which is not
    stored, and its row. Raises ValueError for another node's manifest."""
    if instance.node is None or instance.node_id != manifest.node_id:
        raise ValueError("the manifest is another node's")
    secret = one_time.new(PREFIX)
    token = NodeToken.objects.create(
        token_hash=one_time.digest_of(secret, Purpose.NODE_TOKEN),
        organization_id=instance.group.organization_id,
        group=instance.group,
        group_name=instance.group.name,
        instance=instance,
        image_id=manifest.image_id,
        node=instance.node,
        node_name=instance.node.name,
        manifest_digest=manifest.digest,
        expires_at=Now() + TOKEN_LIFETIME,
    )
    token.refresh_from_db(fields=["expires_at"])
    return secret, token


def redeem(secret: str, node_id: str, address: str | None) -> Session:
    """Redeem a token: open its session, once. `node_id` and `address` are those of the caller.

    The same node gets the same session again from the same address, once within 60 s, since containerd asks twice.
    Everything else is refused and recorded, without consequences for the token's node. Raises TokenRefused.
    """
    presented_by = _node_id(node_id)
    if not one_time.has_form(secret, PREFIX) or presented_by is None:
        raise _refused(None, presented_by, address, Reason.UNKNOWN)
    if _is_withdrawn(secret):
        withdrawn = NodeToken.objects.get(token_hash=one_time.digest_of(secret, Purpose.NODE_TOKEN))
        reason = _refusal_reason(withdrawn, presented_by, address, otherwise=Reason.REVOKED)
        raise _refused(withdrawn, presented_by, address, reason)
    token_hash = one_time.digest_of(secret, Purpose.NODE_TOKEN)
    mine = NodeToken.objects.outstanding().filter(token_hash=token_hash, node_id=presented_by)
    bearer = bearer_of(secret)
    with transaction.atomic():
        opened = mine.filter(redeemed_at__isnull=True, expires_at__gt=Now()).update(
            redeemed_at=Now(),
            redeemed_from=address,
            session_expires_at=Now() + SESSION_LIFETIME,
            session_hash=one_time.digest_of(bearer, Purpose.NODE_SESSION),
        )
        repeated = 0 if opened else _repeatable(mine, address).update(repeated_at=Now())
        token = NodeToken.objects.filter(token_hash=token_hash).first()
        if token is not None and (opened or repeated):
            outcome = Redemption.Outcome.OPENED if opened else Redemption.Outcome.REPEATED
            ledger.accepted(token, address, outcome)
            lifetime = SESSION_LIFETIME if opened else SESSION_LIFETIME - REPEAT_WINDOW
            return Session(token, bearer, int(lifetime.total_seconds()))
    if token is None:
        raise _refused(None, presented_by, address, Reason.UNKNOWN)
    reason = _refusal_reason(token, presented_by, address, otherwise=Reason.EXPIRED)
    raise _refused(token, presented_by, address, reason)


def end(tokens: Iterable[NodeToken] | models.QuerySet[NodeToken], reason: EndReason) -> int:
    """End tokens and their sessions; return how many were not over yet. A transfer in progress stops within seconds."""
    outstanding = NodeToken.objects.outstanding().filter(pk__in=[token.pk for token in tokens])
    return outstanding.update(ended_at=Now(), ended_because=reason.value)


def _repeatable(mine: NodeTokenQuerySet, address: str | None) -> NodeTokenQuerySet:
    """The token if it may be presented a second time from this address. Behind a Unix socket there are no addresses,
    and the node alone decides."""
    same = models.Q(redeemed_from__isnull=True) if address is None else models.Q(redeemed_from=address)
    return mine.filter(same, redeemed_at__gt=Now() - REPEAT_WINDOW, repeated_at__isnull=True)


def _is_withdrawn(secret: str) -> bool:
    """Whether the token's instance was stopped, moved or deleted, or its node removed. Checked before redeeming and
    with each request of the session, since the redeeming UPDATE has conditions on the token's row only."""
    withdrawn = (
        models.Q(instance__isnull=True)
        | models.Q(instance__state=Instance.State.STOPPING)
        | ~models.Q(instance__node=models.F("node"))
        | models.Q(node__status=Node.Status.REMOVED)
    )
    return NodeToken.objects.filter(withdrawn, token_hash=one_time.digest_of(secret, Purpose.NODE_TOKEN)).exists()


def _refusal_reason(token: NodeToken, presented_by: NodeId, address: str | None, *, otherwise: Reason) -> Reason:
    if token.node_id != presented_by:
        return Reason.OTHER_NODE
    if token.redeemed_at is not None:
        return Reason.REPLAYED if token.redeemed_from == address else Reason.OTHER_ADDRESS
    return Reason.REVOKED if token.ended_at is not None else otherwise


def _refused(token: NodeToken | None, presented_by: NodeId | None, address: str | None, reason: Reason) -> TokenRefused:
    ledger.refused(token, str(presented_by or ""), address, reason)
    return TokenRefused(reason)


def _node_id(text: str) -> NodeId | None:
    try:
        return NodeId(uuid.UUID(text))
    except ValueError:
        return None
