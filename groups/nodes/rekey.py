"""Giving a node another key. Manifests, tokens and sessions that were made for the old one are replaced."""

from __future__ import annotations

import structlog
from django.db import transaction

from groups.delivery import tokens
from groups.delivery.tokens import Ended
from groups.models import Instance, Node, NodeManifest, NodeToken
from groups.rules.wakeups import wake_prepare
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor

log = structlog.get_logger(__name__)


def replace_key(node: Node, public_key_pem: str, *, by: Actor) -> bool:
    """Have the node's calls be signed by, and layer keys wrapped to, that key from now on. `public_key_pem` is in its
    normal spelling. Returns whether the node still has the key that it had in hand, and was not removed."""
    with transaction.atomic():
        if not set_key(node, public_key_pem):
            return False
        record_key(node, by=by)
    return True


def set_key(node: Node, public_key_pem: str) -> bool:
    """What `replace_key` writes, in the transaction of an action. Returns what that returns."""
    there = Node.objects.enrolled().filter(pk=node.pk, public_key=node.public_key)
    if not there.update(public_key=public_key_pem):
        return False
    node.public_key = public_key_pem
    tokens.end(NodeToken.objects.outstanding().filter(node=node), Ended.KEY_REPLACED)
    NodeManifest.objects.filter(node=node).delete()
    still_to_come = [Instance.State.ALLOCATING, Instance.State.DOWNLOADING]
    for instance in node.instances.filter(state__in=still_to_come).values_list("pk", flat=True):
        wake_prepare(instance)
    log.info("node_key_replaced", node=str(node.pk))
    return True


def record_key(node: Node, *, by: Actor) -> None:
    """Record that the node has another key, as the last statement of the transaction that gave it that."""
    record(by, "node.key_replaced", Target("node", node.pk, node.name), organization_id=None)
