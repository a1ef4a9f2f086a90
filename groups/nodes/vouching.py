"""Which key of a node layer keys may be encrypted to. Worker zone only.

The column `public_key` alone says nothing: whoever writes the database could put his own key there. A worker vouches
for a key once (`registries.secrets.node_vouchers`), after it has checked where the key comes from: a code that an
operator created, or the node's previous key. From then on only that key counts, until the node itself or an operator
names another one. Keys that were replaced, and those of removed nodes, are noted in the worker zone and never count
again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.db import transaction

from groups.models import Enrolment, Node
from groups.nodes.enrolment import LIFETIME, MAX_PENDING_KEYS, PREFIX
from groups.nodes.key_change import names_next_key
from groups.nodes.keys import KeyUnsupported, NodeKey, read_public_key
from registries.foundation.activity import Target, record
from registries.foundation.actor import PORTAL, Actor
from registries.foundation.ids import NodeId
from registries.secrets import ended, keyring
from registries.secrets.ended import Kind
from registries.secrets.node_vouchers import (
    Authority,
    Terms,
    call_mark_of,
    code_of,
    fingerprint,
    is_vouched,
    proves,
    voucher_of,
)

STEP = "nodes-vouched"
MAX_VOUCHING_DELAY = LIFETIME
"""How long after a code has expired a worker still vouches for a key that was presented with it."""

log = structlog.get_logger(__name__)


class KeyNotVouched(Exception):
    """Nothing proves that the key is the node's; the argument says what is wrong."""


class VouchingDelayed(KeyNotVouched):
    """This process can't note that the keys before it are over; the sweeper can, in its next pass."""


@dataclass(frozen=True)
class _Link:
    """One key of a node, with what proves it: a proof by code, or a statement of the key before it."""

    public_key: str
    proof: str = ""
    voucher: str = ""


def vouched_key(node: Node) -> NodeKey:
    """Return the node's key; vouches for it if that was not done yet. Raises KeyNotVouched, after recording a key that
    counts for nothing."""
    try:
        key = _check(node)
    except VouchingDelayed:
        log.info("node_key_left_to_sweeper", node=str(node.pk))
        raise
    except KeyNotVouched as error:
        log.error("node_key_refused", node=str(node.pk), reason=str(error))
        refuse_key(node, reason=str(error), by=PORTAL)
        raise
    if node.key_refused and Node.objects.filter(pk=node.pk, public_key=node.public_key).update(key_refused=""):
        log.info("node_key_accepted", node=str(node.pk))
    return key


def refuse_key(node: Node, *, reason: str, by: Actor) -> bool:
    """Record that the node's present key counts for nothing. Returns whether that was not known yet."""
    with transaction.atomic():
        rows = Node.objects.filter(pk=node.pk, public_key=node.public_key)
        if not rows.exclude(key_refused=reason).update(key_refused=reason):
            return False
        record(by, "node.key_refused", Target("node", node.pk, node.name), organization_id=None, detail=reason)
    return True


def vouch_existing() -> int:
    """Vouch for the nodes that a previous version enrolled, when this version is first run; return how many. Done once:
    a file in the worker zone's key folder says so. Raises `keyring.KeyUnavailable`."""
    if keyring.is_done(STEP):
        return 0
    count = 0
    for node in Node.objects.enrolled().filter(voucher=""):
        voucher = voucher_of(node_id=node.pk, name=node.name, public_key=node.public_key)
        mark = call_mark_of(node_id=node.pk, public_key=node.public_key)
        unchanged = Node.objects.filter(pk=node.pk, public_key=node.public_key, voucher="")
        count += unchanged.update(voucher=voucher, call_mark=mark)
    keyring.mark_done(STEP)
    return count


def vouch_enrolled() -> int:
    """Check the key of every node, vouch for new ones, and note in the worker zone which keys and codes are over.
    Return for how many nodes a key was vouched. For the sweeper."""
    if settings.PORTAL_ZONE == "web":
        return 0
    vouched = 0
    over: list[str] = []
    checked: set[NodeId] = set()
    for node in Node.objects.enrolled().iterator():
        voucher = node.voucher
        try:
            vouched_key(node)
            over += _fingerprints_before(node)
        except KeyNotVouched:
            continue
        except Exception as error:  # one node must not hold up the others
            log.error("node_not_checked", node=str(node.pk), error=type(error).__name__)
            continue
        vouched += node.voucher != voucher
        checked.add(node.pk)
    for node_id, public_key in Node.objects.filter(status=Node.Status.REMOVED).values_list("pk", "public_key"):
        over.append(fingerprint(node_id=node_id, public_key=public_key))
    try:
        ended.note(Kind.NODE_KEY, over)
        ended.note(Kind.ENROLMENT, filter(ended.is_id, _used_up()))
        ended.note(Kind.NEW_NODE, map(str, checked))
    except OSError as error:
        log.error("ended_keys_not_noted", error=type(error).__name__)
        return vouched
    for node in Node.objects.enrolled().exclude(key_history=[]).exclude(voucher=""):
        if node.pk in checked and all(ended.has_ended(Kind.NODE_KEY, text) for text in _fingerprints_before(node)):
            Node.objects.filter(pk=node.pk, public_key=node.public_key).update(key_history=[])
    return vouched


def _used_up() -> Iterator[str]:
    """The nonces of codes whose node has its voucher."""
    since = datetime.now(UTC) - LIFETIME - MAX_VOUCHING_DELAY
    rows = Enrolment.objects.filter(used_at__isnull=False, expires_at__gt=since).exclude(nonce="")
    yield from rows.exclude(node__voucher="").filter(node__isnull=False).values_list("nonce", flat=True)


def _check(node: Node) -> NodeKey:
    try:
        key = read_public_key(node.public_key)
    except KeyUnsupported as error:
        raise KeyNotVouched("it is not a key") from error
    if _has_ended(node, node.public_key):
        raise KeyNotVouched("it was replaced, or its node was removed")
    if _is_vouched(node, node.public_key, node.voucher):
        return key
    codes = Enrolment.objects.filter(node=node, used_at__isnull=False).exclude(nonce="")
    nonces = [nonce for nonce in codes.values_list("nonce", flat=True) if ended.is_id(nonce)]
    if not _is_proven(node, _links(node)):
        raise KeyNotVouched("neither a code nor the previous key names it")
    voucher = voucher_of(node_id=node.pk, name=node.name, public_key=node.public_key)
    with transaction.atomic():
        if Node.objects.filter(pk=node.pk, public_key=node.public_key).update(voucher=voucher):
            _note_vouched(node, nonces)
    node.voucher = voucher
    log.info("node_key_vouched", node=str(node.pk))
    return key


def _note_vouched(node: Node, nonces: list[str]) -> None:
    """Note what is over now that the node's key is vouched for, before anybody can empty its history. Raises
    VouchingDelayed. Where workers can't write to the folder, the sweeper notes it; a node's first key doesn't wait."""
    before = _fingerprints_before(node)
    try:
        ended.note(Kind.NODE_KEY, before)
        ended.note(Kind.ENROLMENT, nonces)
        ended.note(Kind.NEW_NODE, [str(node.pk)])
    except OSError:
        if before:
            raise VouchingDelayed("the keys before it can't be noted here") from None


def _links(node: Node) -> list[_Link]:
    """The keys that the node had since a worker last vouched for one, oldest first. Raises KeyNotVouched."""
    history = node.key_history
    if not isinstance(history, list) or len(history) > MAX_PENDING_KEYS:
        raise KeyNotVouched("its history is damaged")
    before = []
    for link in history:
        match link:
            case {"public_key": str(public_key), "proof": str(proof), "voucher": str(voucher)}:
                before.append(_Link(public_key, proof, voucher))
            case _:
                raise KeyNotVouched("its history is damaged")
    return [*before, _Link(node.public_key, node.key_proof, node.voucher)]


def _fingerprints_before(node: Node) -> list[str]:
    """The fingerprints of the node's keys before its present one. Raises KeyNotVouched."""
    keys = {link.public_key for link in _links(node)} - {node.public_key}
    return [fingerprint(node_id=node.pk, public_key=key) for key in sorted(keys)]


def _is_proven(node: Node, links: list[_Link]) -> bool:
    """Whether the last key is proven by a code, or by the one before it that is."""
    following = links[-1]
    if _is_proven_by_code(node, following):
        return True
    if len(links) == 1:
        return False
    present = links[-2]
    try:
        keys = read_public_key(present.public_key), read_public_key(following.public_key)
    except KeyUnsupported:
        return False
    if _has_ended(node, present.public_key) or not names_next_key(following.proof, *keys, node_id=node.pk):
        return False
    return _is_vouched(node, present.public_key, present.voucher) or _is_proven(node, links[:-1])


def _is_proven_by_code(node: Node, link: _Link) -> bool:
    """Whether the key was presented with a code that an operator created for this node. A code for a new node proves
    the first key alone: of two nodes with one name, the code for the second proves no key of the first."""
    is_known = ended.has_ended(Kind.NEW_NODE, str(node.pk))
    for row in Enrolment.objects.filter(node=node, used_at__isnull=False).exclude(nonce=""):
        if row.authority not in set(Authority) or not ended.is_id(row.nonce):
            continue
        if row.authority == Authority.WEB and not settings.PORTAL_ENROL_IN_ADMIN:
            continue
        if row.expires_at < datetime.now(UTC) - MAX_VOUCHING_DELAY or ended.has_ended(Kind.ENROLMENT, row.nonce):
            continue
        for node_id in (node.pk,) if is_known else (None, node.pk):
            terms = Terms(nonce=row.nonce, node_name=row.node_name, node_id=node_id, expires_at=row.expires_at)
            code = code_of(terms, Authority(row.authority), prefix=PREFIX)
            if row.node_name == node.name and proves(link.proof, code, node_id=node.pk, public_key=link.public_key):
                return True
    return False


def _is_vouched(node: Node, public_key: str, voucher: str) -> bool:
    return is_vouched(voucher, node_id=node.pk, name=node.name, public_key=public_key)


def _has_ended(node: Node, public_key: str) -> bool:
    return ended.has_ended(Kind.NODE_KEY, fingerprint(node_id=node.pk, public_key=public_key))
