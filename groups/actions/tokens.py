"""Revoking a token of a node."""

from __future__ import annotations

from django.db import transaction

from groups.delivery import tokens
from groups.models import NodeToken
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor


def revoke(token: NodeToken, *, by: Actor) -> bool:
    """End the token and its session; a transfer in progress stops within seconds. Returns False if it was over already.
    A node that still has to start the instance gets another token when it polls."""
    group_id = token.group_id
    target = Target("group", group_id, token.group_name) if group_id else Target("token", token.pk, token.group_name)
    with transaction.atomic():
        if not tokens.end([token], tokens.EndReason.REVOKED):
            return False
        detail = f"token of {token.node_name} revoked"
        record(by, "group.changed", target, organization_id=token.organization_id, detail=detail)
    return True
