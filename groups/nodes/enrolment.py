"""How a node joins, and how it comes by another key: an operator makes a one-time code, the node trades it for an
identity.

The code's SHA-256 is all that is kept. What the node may do afterwards is `groups.nodes.authentication`'s.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from groups.models import Enrolment, Node
from groups.nodes.keys import read_public_key
from groups.nodes.rekey import replace_key
from registries.secrets import one_time

PREFIX = "dre_"
LIFETIME = timedelta(hours=24)
MAX_NAME_LENGTH = 63
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]*[A-Za-z0-9])?")


class CodeRefused(Exception):
    """The code is unknown, used or expired; which of these is not said."""


class NameInvalid(ValueError):
    """No name for a node; the message says what is wanted."""


def check_name(name: str) -> str:
    """Return `name`. Raises NameInvalid unless it has 1 to 63 letters, digits, blanks, dots and hyphens."""
    if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        raise NameInvalid("A node's name has 1 to 63 letters, digits, blanks, dots, hyphens and underscores.")
    return name


def create_enrolment(node_name: str, created_by_id: Any = None) -> str:
    """Return a new code of 256 bits, valid for one node and 24 hours. Raises NameInvalid."""
    code, _ = make_enrolment(check_name(node_name), created_by_id)
    return code


def create_replacement(node: Node, created_by_id: Any = None) -> str:
    """Return a new code with which this node comes with another key, such as after it lost its disk. Earlier such
    codes are no longer good. Raises CodeRefused for a removed node."""
    with transaction.atomic():
        if not Node.objects.enrolled().select_for_update(no_key=True).filter(pk=node.pk):
            raise CodeRefused
        Enrolment.objects.filter(node=node, used_at__isnull=True).update(expires_at=Now())
        code, _ = make_enrolment(node.name, created_by_id, node=node)
    return code


def make_enrolment(node_name: str, created_by_id: Any, *, node: Node | None = None) -> tuple[str, Enrolment]:
    """Return a new code, which is kept nowhere, and its row. The name was checked."""
    code, digest = one_time.new(PREFIX)
    row = Enrolment.objects.create(
        node_name=node_name,
        node=node,
        code_hash=digest,
        created_by_id=created_by_id,
        expires_at=Now() + LIFETIME,
    )
    return code, row


def enrol(code: str, name: str, public_key_pem: str) -> Node:
    """Make the node that holds `public_key_pem`, or give the code's node that key, and use the code up.

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
            if not replace_key(enrolment.node, key.pem):
                raise CodeRefused
            return enrolment.node
        node = Node.objects.create(name=enrolment.node_name, public_key=key.pem)
        Enrolment.objects.filter(pk=enrolment.pk).update(node=node)
    return node
