"""Enrolment of nodes, and replacement of their keys.

An operator makes a one-time code; a machine that presents it with a public key becomes a node, or gives an existing
node that key. An enrolled node can also replace its key by itself (`replace_key`). Only the SHA-256 of a code is
stored.
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
from groups.models import Enrolment, Node, NodeManifest, NodeToken
from groups.nodes.assignments import NOT_FETCHED
from groups.nodes.keys import read_public_key
from groups.rules.wakeups import wake_prepare
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.ids import UserId
from registries.foundation.refusal import Refusal
from registries.secrets import one_time

PREFIX = "dre_"
LIFETIME = timedelta(hours=24)
MAX_NAME_LENGTH = 63
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]*[A-Za-z0-9])?")

log = structlog.get_logger(__name__)


class CodeRefused(Refusal):
    """The code is unknown, used or expired; the message doesn't say which."""

    code = "code_refused"
    title = "The code is not good"
    status = 401

    def __init__(self, message: str = "A code is good once, within 24 hours: ask the operator for another.") -> None:
        super().__init__(message)


class NameInvalid(Refusal):
    """Not a valid name for a node; the message says what is required."""

    code = "name_invalid"
    title = "The name can't be used"
    status = 400


def check_name(name: str) -> str:
    """Return `name`. Raises NameInvalid unless it has 1 to 63 letters, digits, blanks, dots and hyphens."""
    if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        raise NameInvalid("A node's name has 1 to 63 letters, digits, blanks, dots, hyphens and underscores.")
    return name


def create_enrolment(node_name: str, *, by: Actor) -> tuple[str, Enrolment]:
    """Return a new code of 256 bits and its row, valid for one node and 24 hours. Raises NameInvalid."""
    with transaction.atomic():
        code, row = _make(check_name(node_name), by.person_id)
        record(by, "enrolment.created", Target("enrolment", row.pk, row.node_name), organization_id=None)
    return code, row


def create_replacement(node: Node, *, by: Actor) -> tuple[str, Enrolment]:
    """Return a new code and its row, with which this node can enrol with another key, such as after it lost its disk.
    Earlier codes of the node expire. Raises CodeRefused for a removed node."""
    with transaction.atomic():
        if not Node.objects.enrolled().select_for_update(no_key=True).filter(pk=node.pk):
            raise CodeRefused("A removed node stays removed.")
        Enrolment.objects.filter(node=node, used_at__isnull=True).update(expires_at=Now())
        code, row = _make(node.name, by.person_id, node=node)
        target = Target("enrolment", row.pk, row.node_name)
        record(by, "enrolment.created", target, organization_id=None, detail="for another key")
    return code, row


def _make(node_name: str, created_by_id: UserId | None, *, node: Node | None = None) -> tuple[str, Enrolment]:
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
    """Create a node with this public key, or give the code's node that key, and consume the code. `by` is the calling
    machine; the action is recorded with the node's id and name.

    The node gets the name that the operator chose. The machine's own `name` is only validated: an untrusted machine
    must not be able to choose another one's name. Raises KeyUnsupported and NameInvalid, both before the code is
    consumed, and CodeRefused.
    """
    key = read_public_key(public_key_pem)
    check_name(name)
    if not one_time.has_form(code, PREFIX):
        raise CodeRefused
    with transaction.atomic():
        usable = Enrolment.objects.filter(
            code_hash=one_time.digest_of(code), used_at__isnull=True, expires_at__gt=Now()
        )
        if usable.update(used_at=Now()) != 1:
            raise CodeRefused
        enrolment = Enrolment.objects.select_related("node").get(code_hash=one_time.digest_of(code))
        if enrolment.node is not None:
            if not _set_key(enrolment.node, key.pem):
                raise CodeRefused
            _record_key(enrolment.node, by=replace(by, id=str(enrolment.node.pk), name=enrolment.node.name))
            return enrolment.node
        node = Node.objects.create(name=enrolment.node_name, public_key=key.pem)
        Enrolment.objects.filter(pk=enrolment.pk).update(node=node)
        by = replace(by, id=str(node.pk), name=node.name)
        record(by, "node.enrolled", Target("node", node.pk, node.name), organization_id=None)
    return node


def replace_key(node: Node, public_key_pem: str, *, by: Actor) -> bool:
    """Replace the key that signs the node's calls and to which layer keys are encrypted. `public_key_pem` is in its
    canonical form. Returns False if the node was removed or has another key by now than `node` was read with."""
    with transaction.atomic():
        if not _set_key(node, public_key_pem):
            return False
        _record_key(node, by=by)
    return True


def _set_key(node: Node, public_key_pem: str) -> bool:
    """Replace the node's key, end its tokens, and have its manifests made again. Returns False if the node was removed
    or has another key by now than `node` was read with."""
    unchanged = Node.objects.enrolled().filter(pk=node.pk, public_key=node.public_key)
    if not unchanged.update(public_key=public_key_pem):
        return False
    node.public_key = public_key_pem
    tokens.end(NodeToken.objects.outstanding().filter(node=node), EndReason.KEY_REPLACED)
    NodeManifest.objects.filter(node=node).delete()
    for instance_id in node.instances.filter(state__in=NOT_FETCHED).values_list("pk", flat=True):
        wake_prepare(instance_id)
    log.info("node_key_replaced", node=str(node.pk))
    return True


def _record_key(node: Node, *, by: Actor) -> None:
    """Record that the node has another key, as the last statement of the transaction."""
    record(by, "node.key_replaced", Target("node", node.pk, node.name), organization_id=None)
