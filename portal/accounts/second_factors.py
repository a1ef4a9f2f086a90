"""Secrets of second factors at rest, each bound to its person and to its kind.

allauth hands over a text without saying whose it is. The person is therefore the one of the request: who is signed in,
or whose password was just accepted. A secret that was moved or copied to another person's row can't be decrypted there,
nor one that was moved to a row of another kind.
"""

from __future__ import annotations

import base64
import re
import secrets
from binascii import Error as NotBase64
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog
from allauth.account.internal.stagekit import unstash_login
from allauth.core import context
from allauth.mfa.models import Authenticator

from portal.accounts.factor_rows import RECOVERY_CODES, TOTP
from registries.foundation.ids import UserId
from registries.secrets import at_rest
from registries.secrets.at_rest import AtRestBroken

FIELDS = {TOTP: "secret", RECOVERY_CODES: "seed"}
"""Where a row of each kind has its secret, in its column `data`."""
_TOTP_SECRET = re.compile(r"[A-Z2-7]+=*")
"""Base32. The seed of recovery codes is in lower-case hexadecimal digits."""
UNKNOWN_SECRET_BYTES = 20

log = structlog.get_logger(__name__)
_owner: ContextVar[UserId | None] = ContextVar("owner of second factors", default=None)


class OwnerUnknown(Exception):
    """There is no request of a person, and the code has not said whose the secret is (`owned_by`)."""


@contextmanager
def owned_by(person_id: UserId) -> Iterator[None]:
    """Say whose second factors the block is about, where there is no request of theirs."""
    token = _owner.set(person_id)
    try:
        yield
    finally:
        _owner.reset(token)


def encrypt(text: str) -> str:
    """Return the base64 text that is stored for a secret of the present person. Raises OwnerUnknown."""
    kind = TOTP if _TOTP_SECRET.fullmatch(text) else RECOVERY_CODES
    return base64.b64encode(at_rest.encrypt(text.encode(), bound_to=bound_to(kind, _present_owner()))).decode()


def decrypt(stored: str) -> str:
    """Return a secret of the present person. Raises OwnerUnknown, and AtRestBroken for one that was not encrypted for
    this person, or is in a row of another kind."""
    owner = _present_owner()
    try:
        sealed = base64.b64decode(stored, validate=True)
    except (NotBase64, ValueError):
        raise AtRestBroken("second factor") from None
    for kind, field in FIELDS.items():
        try:
            text = at_rest.decrypt(sealed, bound_to=bound_to(kind, owner)).decode()
        except AtRestBroken:
            continue
        if Authenticator.objects.filter(user_id=owner, type=kind, **{f"data__{field}": stored}).exists():
            return text
    raise AtRestBroken("second factor")


def decrypt_or_unknown(stored: str) -> str:
    """Return a secret of the present person; where `decrypt` can't, a random one, which no code matches. So the page
    says that the code is wrong, and the person's other factors still work."""
    try:
        return decrypt(stored)
    except AtRestBroken:
        log.error("second_factor_refused", person=_present_owner())
        return base64.b32encode(secrets.token_bytes(UNKNOWN_SECRET_BYTES)).decode()


def bound_to(kind: str, person_id: UserId) -> str:
    """What a stored secret is bound to (`registries.secrets.at_rest`)."""
    return f"second factor {kind} of person {person_id}"


def _present_owner() -> UserId:
    if (owner := _owner.get()) is not None:
        return owner
    request = context.request
    if request is None:
        raise OwnerUnknown
    if request.user.is_authenticated:
        return UserId(request.user.pk)
    login = unstash_login(request, peek=True)
    if login is None or login.user is None:
        raise OwnerUnknown
    return UserId(login.user.pk)
