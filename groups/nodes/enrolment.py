"""Enrolment of nodes, and replacement of their keys.

An operator makes a one-time code; a machine that presents it with a public key becomes a node, or gives an existing
node that key. An enrolled node can also replace its key by itself (`replace_key`). Only a digest of a code is
stored. What is stored with a key proves to a worker where it comes from (`groups.nodes.vouching`).
"""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from groups.delivery import tokens
from groups.delivery.tokens import EndReason
from groups.models import Enrolment, Node, NodeManifest, NodeToken
from groups.nodes.assignments import NOT_FETCHED
from groups.nodes.key_change import names_next_key
from groups.nodes.keys import read_public_key
from groups.rules.wakeups import wake_prepare
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.clock import database_now
from registries.foundation.ids import NodeId, UserId
from registries.foundation.refusal import Refusal
from registries.secrets import one_time
from registries.secrets.ended import is_replaced
from registries.secrets.node_vouchers import (
    Authority,
    Terms,
    available_authority,
    call_mark_of,
    code_of,
    fingerprint,
    new_nonce,
    proof_of,
)
from registries.secrets.one_time import Purpose

PREFIX = "dre_"
LIFETIME = timedelta(hours=24)
MAX_NAME_LENGTH = 63
MAX_PENDING_KEYS = 8
"""How often a node can replace its key before a worker has looked at it."""
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]*[A-Za-z0-9])?")

log = structlog.get_logger(__name__)


class CodeRefused(Refusal):
    """The code is unknown, used or expired; the message doesn't say which."""

    code = "code_refused"
    title = "The code is not good"
    status = 401

    def __init__(self, message: str = "A code is good once, within 24 hours: ask the operator for another.") -> None:
        super().__init__(message)


class CodesElsewhere(Refusal):
    """The operator's settings allow codes of the worker zone only."""

    code = "codes_elsewhere"
    title = "Codes are not created here"

    def __init__(self) -> None:
        super().__init__("Codes are created only where the worker's keys are: run manage.py create_enrolment there.")


class ProofRequired(Refusal):
    """The present key has not signed which key is the next."""

    code = "proof_required"
    title = "The present key must name the new one"
    status = 400

    def __init__(self) -> None:
        super().__init__(
            "Send `proof`, a compact JWS by the present key with iss, aud and public_key: see the node API."
        )


class TooManyKeys(Refusal):
    """The node replaced its key repeatedly, and no worker has looked at it yet."""

    code = "too_many_keys"
    title = "Too many keys"
    status = 429
    retry_after = 60

    def __init__(self) -> None:
        super().__init__("The key was replaced repeatedly within seconds. Try again in a minute.")


class KeyReplaced(Refusal):
    """The node had this key before and replaced it."""

    code = "key_replaced"
    title = "The key was replaced before"
    status = 409

    def __init__(self) -> None:
        super().__init__("This node has replaced this key, and can't use it again. Make a new key and send that.")


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
    """Return a new code of 256 bits and its row, valid for one node and 24 hours. Raises NameInvalid, and
    CodesElsewhere where the operator's settings don't allow codes of this zone."""
    with transaction.atomic():
        code, row = _make(check_name(node_name), by.person_id)
        record(by, "enrolment.created", Target("enrolment", row.pk, row.node_name), organization_id=None)
    return code, row


def create_replacement(node: Node, *, by: Actor) -> tuple[str, Enrolment]:
    """Return a new code and its row, with which this node can enrol with another key, such as after it lost its disk.
    Earlier codes of the node expire. Raises CodeRefused for a removed node, and CodesElsewhere."""
    with transaction.atomic():
        if not Node.objects.enrolled().select_for_update(no_key=True).filter(pk=node.pk):
            raise CodeRefused("A removed node stays removed.")
        Enrolment.objects.filter(node=node, used_at__isnull=True).update(expires_at=Now())
        code, row = _make(node.name, by.person_id, node=node)
        target = Target("enrolment", row.pk, row.node_name)
        record(by, "enrolment.created", target, organization_id=None, detail="for another key")
    return code, row


def can_create_codes() -> bool:
    """Whether codes can be created in this zone."""
    return settings.PORTAL_ENROL_IN_ADMIN or available_authority() == Authority.WORKER


def _make(node_name: str, created_by_id: UserId | None, *, node: Node | None = None) -> tuple[str, Enrolment]:
    if not can_create_codes():
        raise CodesElsewhere
    authority, expires_at, nonce = available_authority(), database_now() + LIFETIME, new_nonce()
    terms = Terms(nonce=nonce, node_name=node_name, node_id=node.pk if node else None, expires_at=expires_at)
    code = code_of(terms, authority, prefix=PREFIX)
    row = Enrolment.objects.create(
        node_name=node_name,
        node=node,
        nonce=nonce,
        authority=authority,
        code_hash=one_time.digest_of(code, Purpose.ENROLMENT),
        created_by_id=created_by_id,
        expires_at=expires_at,
    )
    return code, row


def enrol(code: str, name: str, public_key_pem: str, *, by: Actor) -> Node:
    """Create a node with this public key, or give the code's node that key, and consume the code. `by` is the calling
    machine; the action is recorded with the node's id and name.

    The node gets the name that the operator chose. The machine's own `name` is only validated: an untrusted machine
    must not be able to choose another one's name. Raises KeyUnsupported, NameInvalid and KeyReplaced, all without the
    code being consumed, and CodeRefused.
    """
    key = read_public_key(public_key_pem)
    check_name(name)
    if not one_time.has_form(code, PREFIX):
        raise CodeRefused
    with transaction.atomic():
        usable = Enrolment.objects.exclude(nonce="").filter(
            code_hash=one_time.digest_of(code, Purpose.ENROLMENT), used_at__isnull=True, expires_at__gt=Now()
        )
        if usable.update(used_at=Now()) != 1:
            raise CodeRefused
        enrolment = Enrolment.objects.select_related("node").get(code_hash=one_time.digest_of(code, Purpose.ENROLMENT))
        if enrolment.node is not None:
            proof = proof_of(code, node_id=enrolment.node.pk, public_key=key.pem)
            if not _set_key(enrolment.node, key.pem, proof):
                raise CodeRefused
            _record_key(enrolment.node, by=replace(by, id=str(enrolment.node.pk), name=enrolment.node.name))
            return enrolment.node
        node_id = NodeId(uuid.uuid4())
        proof = proof_of(code, node_id=node_id, public_key=key.pem)
        node = Node.objects.create(
            id=node_id,
            name=enrolment.node_name,
            public_key=key.pem,
            key_proof=proof,
            call_mark=call_mark_of(node_id=node_id, public_key=key.pem),
        )
        Enrolment.objects.filter(pk=enrolment.pk).update(node=node)
        by = replace(by, id=str(node.pk), name=node.name)
        record(by, "node.enrolled", Target("node", node.pk, node.name), organization_id=None)
    return node


def replace_key(node: Node, public_key_pem: str, *, proof: str, by: Actor) -> bool:
    """Replace the key that signs the node's calls and to which layer keys are encrypted. `proof` is the statement of
    the present key (`groups.nodes.key_change`). Returns False if the node was removed or has another key by now
    than `node` was read with. Raises KeyUnsupported, KeyReplaced, TooManyKeys and ProofRequired."""
    key = read_public_key(public_key_pem)
    if not names_next_key(proof, read_public_key(node.public_key), key, node_id=node.pk):
        raise ProofRequired
    if len(node.key_history) >= MAX_PENDING_KEYS:
        raise TooManyKeys
    with transaction.atomic():
        if not _set_key(node, key.pem, proof):
            return False
        _record_key(node, by=by)
    return True


def _set_key(node: Node, public_key_pem: str, proof: str) -> bool:
    """Replace the node's key, end its tokens, and have its manifests made again. Returns False if the node was removed
    or has another key by now than `node` was read with. Raises KeyReplaced."""
    if is_replaced(fingerprint(node_id=node.pk, public_key=public_key_pem)):
        raise KeyReplaced
    unchanged = Node.objects.enrolled().filter(pk=node.pk, public_key=node.public_key)
    voucher, history = node.voucher, node.key_history
    if public_key_pem != node.public_key:
        before = {"public_key": node.public_key, "proof": node.key_proof, "voucher": node.voucher}
        voucher, history = "", [*history, before][-MAX_PENDING_KEYS:]
    mark = call_mark_of(node_id=node.pk, public_key=public_key_pem)
    if not unchanged.update(
        public_key=public_key_pem, key_proof=proof, voucher=voucher, key_history=history, call_mark=mark
    ):
        return False
    node.call_mark = mark
    node.public_key, node.key_proof, node.voucher, node.key_history = public_key_pem, proof, voucher, history
    tokens.end(NodeToken.objects.outstanding().filter(node=node), EndReason.KEY_REPLACED)
    NodeManifest.objects.filter(node=node).delete()
    for instance_id in node.instances.filter(state__in=NOT_FETCHED).values_list("pk", flat=True):
        wake_prepare(instance_id)
    log.info("node_key_replaced", node=str(node.pk))
    return True


def _record_key(node: Node, *, by: Actor) -> None:
    """Record that the node has another key, as the last statement of the transaction."""
    record(by, "node.key_replaced", Target("node", node.pk, node.name), organization_id=None)
