"""How a node joins, and how it comes by another key: an operator makes a one-time code, the node trades it for an
identity.

The code's SHA-256 is all that is kept. What the node may do afterwards is `groups.nodes.authentication`'s.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models.functions import Now

from groups.delivery import tokens
from groups.delivery.tokens import EndReason
from groups.models import Enrolment, Instance, Node, NodeManifest, NodeToken
from groups.nodes.keys import read_public_key
from groups.rules.wakeups import wake_prepare
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.refusal import Refusal
from registries.secrets import one_time

PREFIX = "dre_"

LIFETIME = timedelta(hours=24)

MAX_NAME_LENGTH = 63

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]*[A-Za-z0-9])?")

log = structlog.get_logger(__name__)


class CodeRefused(Refusal):
    """The code is unknown, used or expired; which of these is not said."""

    code = "code_refused"
    title = "The code is not good"
    status = 401

    def __init__(self, message: str = "A code is good once, within 24 hours: ask the operator for another.") -> None:
        super().__init__(message)


class NameInvalid(Refusal):
    """No name for a node; the message says what is wanted."""

    code = "name_invalid"
    title = "The name can't be used"
    status = 400


def check_name(name: str) -> str:
    """Return `name`. Raises NameInvalid unless it has 1 to 63 letters, digits, blanks, dots and hyphens."""
    if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        raise NameInvalid("A node's name has 1 to 63 letters, digits, blanks, dots, hyphens and underscores.")
    return name


def create_enrolment(node_name: str, *, by: Actor) -> tuple[str, Enrolment]:
    """Return a new code of 256 bits, valid for one node and 24 hours, and its row. The code itself is kept nowhere.
    Raises NameInvalid."""
    with transaction.atomic():
        code, row = _make(check_name(node_name), by.person_id)
        record(by, "enrolment.created", Target("enrolment", row.pk, row.node_name), organization_id=None)
    return code, row


def create_replacement(node: Node, *, by: Actor) -> tuple[str, Enrolment]:
    """Return a new code with which this node comes with another key, such as after it lost its disk, and its row.
    Earlier such codes are no longer good. Raises CodeRefused for a removed node."""
    with transaction.atomic():
        if not Node.objects.enrolled().select_for_update(no_key=True).filter(pk=node.pk):
            raise CodeRefused("A removed node stays removed.")
        Enrolment.objects.filter(node=node, used_at__isnull=True).update(expires_at=Now())
        code, row = _make(node.name, by.person_id, node=node)
        target = Target("enrolment", row.pk, row.node_name)
        record(by, "enrolment.created", target, organization_id=None, detail="for another key")
    return code, row


def _make(node_name: str, created_by_id: int | None, *, node: Node | None = None) -> tuple[str, Enrolment]:
    code, digest = one_time.new(PREFIX)
    row = Enrolment.objects.create(
        node_name=node_name,
        node=node,
        code_hash=digest,
        created_by_id=created_by_id,
        expires_at=Now() + LIFETIME,
    )
    return code, row


def enrol(code: str, name: str, public_key_pem: str, *, by: Actor) -> Node:
    """Make the node that holds `public_key_pem`, or give the code's node that key, and use the code up. `by` is the
    machine that asks, whose id and name are recorded as the node's once it is one.

    The node bears the name that the operator chose for it; the one it gives itself is only checked, since a
    stranger's machine must not pass for another. Raises KeyUnsupported, NameInvalid (the code stays good) and
    CodeRefused.
    """
    key = read_public_key(public_key_pem)
    check_name(name)
    if not one_time.has_form(code, PREFIX):
        raise CodeRefused
    with transaction.atomic():
        open_one = Enrolment.objects.filter(
            code_hash=one_time.digest_of(code), used_at__isnull=True, expires_at__gt=Now()
        )
        if open_one.update(used_at=Now()) != 1:
            raise CodeRefused
        enrolment = Enrolment.objects.select_related("node").get(code_hash=one_time.digest_of(code))
        if enrolment.node is not None:
            if not set_key(enrolment.node, key.pem):
                raise CodeRefused
            record_key(enrolment.node, by=replace(by, id=str(enrolment.node.pk), name=enrolment.node.name))
            return enrolment.node
        node = Node.objects.create(name=enrolment.node_name, public_key=key.pem)
        Enrolment.objects.filter(pk=enrolment.pk).update(node=node)
        by = replace(by, id=str(node.pk), name=node.name)
        record(by, "node.enrolled", Target("node", node.pk, node.name), organization_id=None)
    return node


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
    tokens.end(NodeToken.objects.outstanding().filter(node=node), EndReason.KEY_REPLACED)
    NodeManifest.objects.filter(node=node).delete()
    still_to_come = [Instance.State.ALLOCATING, Instance.State.DOWNLOADING]
    for instance in node.instances.filter(state__in=still_to_come).values_list("pk", flat=True):
        wake_prepare(instance)
    log.info("node_key_replaced", node=str(node.pk))
    return True


def record_key(node: Node, *, by: Actor) -> None:
    """Record that the node has another key, as the last statement of the transaction that gave it that."""
    record(by, "node.key_replaced", Target("node", node.pk, node.name), organization_id=None)
