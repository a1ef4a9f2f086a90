"""Accounts that somebody changed outside the portal, such as with SQL: nobody signs in with one, and a browser that is
signed in is signed out.

Each account has a mark that only the portal can make (`portal.models.User.authority_mark`). It is checked whenever an
account is loaded from a session, at sign-in, and before anything renews it: else an honest change of an altered
account would confirm what was altered.
"""

from __future__ import annotations

import structlog
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models.functions import Now

from portal.accounts.factor_rows import is_protected, kinds_in, rows_of, state_of
from portal.audit import refused_sign_ins
from portal.models import Activity, AddressProof, RefusedSignIn, User
from registries.foundation.actor import Actor
from registries.foundation.ids import UserId
from registries.foundation.refusal import Refusal
from registries.secrets import keyring

STEP, SECOND_STEP = "accounts-marked", "addresses-marked"

log = structlog.get_logger(__name__)


class AccountAltered(Refusal):
    """The account was changed outside the portal, so the portal changes nothing of it."""

    code = "account_altered"
    title = "This account was changed outside the portal"

    def __init__(self) -> None:
        super().__init__(
            "Somebody changed this account in the database. Find out who, then run manage.py confirm_account."
        )


def lock(person_id: UserId) -> User:
    """Return the person's row, locked with its second factors until the end of the transaction. Raises AccountAltered,
    also if a second factor was inserted, changed or deleted outside the portal."""
    return lock_with_factors(person_id)[0]


def lock_with_factors(person_id: UserId) -> tuple[User, list[Authenticator]]:
    """Return the person's row and those of their second factors, as `lock` does. Raises AccountAltered."""
    row = User.objects.select_for_update(no_key=True).get(pk=person_id)
    factors = rows_of(person_id, lock=True)
    if not _is_whole(row, factors):
        raise AccountAltered
    return row, factors


def store(row: User, *names: str) -> None:
    """Save these columns of a locked row, with a new mark."""
    row.set_authority_mark()
    row.save(update_fields=[*names, "authority_mark"])


def may_sign_in(person: User) -> bool:
    """Whether the account and its second factors are as the portal left them."""
    if not person.is_unaltered:
        return False
    if _is_whole(person, rows_of(person.pk)):
        return True
    with transaction.atomic():  # the person may have changed a factor between the two reads
        try:
            return lock(person.pk).password == person.password
        except AccountAltered:
            return False


def needs_second_factor(person: User) -> bool:
    """Whether nobody signs in to the account with its password alone, by what its mark covers."""
    return is_protected(person.second_factors)


def note_altered(person: User, *, by: Actor) -> None:
    """Note that an altered account was refused: for the log, the operators' alerts and the activity."""
    log.error("account_altered", person=person.pk)
    User.objects.filter(pk=person.pk, altered_at__isnull=True).update(altered_at=Now())
    refused_sign_ins.note(person.email, RefusedSignIn.Reason.ALTERED, by=by)


def mark_existing() -> int:
    """Mark the accounts that a previous version created, when this version is first run; return how many. Done once:
    files in the worker zone's key folder say so. Accounts without a mark are those of a version that made none; a mark
    of the previous version has to fit. Raises `keyring.KeyUnavailable`."""
    if keyring.is_done(SECOND_STEP):
        return 0
    had_marks, count = keyring.is_done(STEP), 0
    for person_id in User.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            row = User.objects.select_for_update(no_key=True).get(pk=person_id)
            if had_marks and not row.was_unaltered:
                continue
            row.second_factors = _earlier_factors(row, had_marks)
            row.address_proof, row.session_epoch = _earlier_proof(row), 0
            store(row, "second_factors", "address_proof", "session_epoch")
        count += 1
    keyring.mark_done(STEP)
    keyring.mark_done(SECOND_STEP)
    return count


def _earlier_proof(row: User) -> AddressProof:
    """What counts as a proof of the address of an account that an earlier version created; see decision 20."""
    if row.is_staff:
        return AddressProof.OPERATOR
    resets = Activity.objects.filter(action="account.password_reset", target_kind="person", target_key=str(row.pk))
    return AddressProof.MAIL if resets.exists() else AddressProof.NONE


def _earlier_factors(row: User, had_marks: bool) -> str:
    """The state of second factors of an account that an earlier version left, whose mark covered their kinds alone. A
    kind without a row stays in the text, which no row fits: the account is altered, as it was."""
    factors = rows_of(row.pk, lock=True)
    if not had_marks:
        return state_of(factors)
    known = kinds_in(row.second_factors)
    if known - {factor.type for factor in factors}:
        return row.second_factors
    return state_of(factor for factor in factors if factor.type in known)


def _is_whole(row: User, factors: list[Authenticator]) -> bool:
    return row.is_unaltered and state_of(factors) == row.second_factors
