"""The tokens of links that set a new password (`ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR`).

Django derives such tokens from its secret key and the account's row, so a thief of both could forge one for an
operator. These are random, and the database has a digest.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from portal.models import PasswordReset, User
from registries.foundation.clock import database_now
from registries.foundation.refusal import Refusal
from registries.secrets import one_time
from registries.secrets.one_time import Purpose

PREFIX = "drp_"


class ResetLinkUsed(Refusal):
    """The link has set a password already, at the same time in another window."""

    code = "reset_link_used"
    title = "This link has been used"


class ResetTokens:
    """Makes and checks tokens, with the methods of Django's generator, which allauth calls. No link sets a password of
    an account that was changed outside the portal, or that an operator has deactivated."""

    def make_token(self, user: User, seconds: int | None = None) -> str:
        """Store a new link for the person, and return its token, which is not stored. It works once and for
        `PASSWORD_RESET_TIMEOUT` seconds, or for `seconds`."""
        token = one_time.new(PREFIX)
        digest = one_time.digest_of(token, Purpose.PASSWORD_LINK, str(user.pk))
        expires_at = database_now() + timedelta(seconds=seconds or settings.PASSWORD_RESET_TIMEOUT)
        with transaction.atomic():
            PasswordReset.objects.filter(expires_at__lte=Now()).delete()
            PasswordReset.objects.create(
                person=user,
                token_hash=digest,
                account_state=one_time.seal_of(digest, Purpose.PASSWORD_LINK, *_sealed(user, expires_at)),
                expires_at=expires_at,
            )
        return token

    def check_token(self, user: User | None, token: str | None) -> bool:
        """Whether this token was sent to this person and can still be used."""
        if user is None or token is None or not one_time.has_form(token, PREFIX):
            return False
        if not user.is_active or not user.is_unaltered:
            return False
        digest = one_time.digest_of(token, Purpose.PASSWORD_LINK, str(user.pk))
        link = PasswordReset.objects.open().filter(person=user, token_hash=digest).first()
        if link is None:
            return False
        columns = _sealed(user, link.expires_at)
        return one_time.is_sealed(link.account_state, digest, Purpose.PASSWORD_LINK, *columns)


def use_links(person: User) -> None:
    """Delete the links of a person who sets a password with one of them. Raises ResetLinkUsed if there are none: of two
    windows only one sets a password."""
    if not PasswordReset.objects.open().filter(person=person).delete()[0]:
        raise ResetLinkUsed(
            "This link was already used to set a password. Sign in with that password, or ask for a new link."
        )


def end_links(person: User) -> None:
    """Delete the links of a person who has got another password."""
    PasswordReset.objects.filter(person=person).delete()


def _sealed(person: User, expires_at: datetime) -> tuple[str, ...]:
    """What a link depends on: the account's password, address and last sign-in, and until when it works. Whoever
    writes to the database can't prolong it."""
    signed_in = "" if person.last_login is None else person.last_login.isoformat()
    return person.password, person.email, signed_in, expires_at.astimezone(UTC).isoformat(timespec="seconds")
