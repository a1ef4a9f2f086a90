"""Changing one's own email address. A link is mailed to the new one, and whoever opens it and is signed in with the
account confirms. The earlier address gets a notice.

Opening the link changes nothing, because mail programs open links by themselves.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, timedelta

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from portal.accounts import authority
from portal.accounts.address_proof import mail_proof
from portal.accounts.notices import send_notice
from portal.accounts.reset_tokens import end_links
from portal.accounts.session_epoch import end_sessions
from portal.audit.sign_ins import record_for_person
from portal.models import AddressChange, User
from portal.models.user import canonical_email
from portal.organizations.rules import require_proof
from registries.foundation.actor import Actor
from registries.foundation.clock import database_now
from registries.foundation.refusal import Refusal
from registries.secrets import one_time
from registries.secrets.one_time import Purpose

PREFIX = "dra_"
LINK_SECONDS = 3600
MAX_LINKS_AN_HOUR = 5


class AddressRefused(Refusal):
    """The account can't get this address."""

    code = "address_refused"
    title = "Your address can't be changed"


def request_change(person: User, email: str, *, by: Actor) -> str:
    """Store a link for a new address; return its token, which is not stored. Earlier links end. The present address
    gets a notice. Raises AddressRefused after MAX_LINKS_AN_HOUR and if it is the present address, AddressUnproven, and
    AccountAltered."""
    email, now = canonical_email(email), database_now()
    token = one_time.new(PREFIX)
    with transaction.atomic():
        row = authority.lock(person.pk)
        require_proof(row)
        if email == row.email:
            raise AddressRefused("This is your address already.", field="email")
        AddressChange.objects.filter(person=row, expires_at__lte=Now()).delete()
        if AddressChange.objects.filter(person=row).count() >= MAX_LINKS_AN_HOUR:
            raise AddressRefused(f"{MAX_LINKS_AN_HOUR} links were sent within an hour. Try again later.")
        link = AddressChange(
            person=row,
            email=email,
            token_hash=one_time.digest_of(token, Purpose.ADDRESS_LINK, str(row.pk)),
            account_state=_state_of(row),
            expires_at=now + timedelta(seconds=LINK_SECONDS),
        )
        link.seal = one_time.seal_of(link.token_hash, Purpose.ADDRESS_LINK, *_sealed_columns(link))
        link.save(force_insert=True)
        send_notice(row, "address_change_requested", by=by, details={"after": email})
        record_for_person(row, "account.address_requested", by=by, detail=email)
    return token


def find(person: User, token: str) -> AddressChange | None:
    """Return the link with this token if it was sent for this person and still works."""
    if not one_time.has_form(token, PREFIX):
        return None
    link = AddressChange.objects.open().filter(person=person).order_by("-pk").first()
    digest = one_time.digest_of(token, Purpose.ADDRESS_LINK, str(person.pk))
    if link is None or link.token_hash != digest or link.account_state != _state_of(person):
        return None
    is_sealed = one_time.is_sealed(link.seal, link.token_hash, Purpose.ADDRESS_LINK, *_sealed_columns(link))
    return link if is_sealed else None


def confirm_change(person: User, token: str, *, by: Actor) -> str:
    """Make the link's address the one of the account, which has proven it; return it. All sessions and the other links
    of the person end. Raises AddressRefused if the link doesn't work any more or the address is another account's, and
    AccountAltered."""
    with transaction.atomic():
        row = authority.lock(person.pk)
        link = find(row, token)
        if link is None:
            raise AddressRefused("This link no longer works, or is for another account. Ask for a new one.")
        before, row.email, row.address_proof = row.email, link.email, mail_proof()
        try:
            with transaction.atomic():
                authority.store(row, "email", "address_proof")
        except IntegrityError:
            raise AddressRefused(
                "There is another account with this address. Set its password with “Forgot password” and delete it."
            ) from None
        EmailAddress.objects.filter(user=row.pk).delete()
        AddressChange.objects.filter(person=row).delete()
        end_links(row)
        end_sessions(row)
        send_notice(row, "address_changed", by=by, details={"before": before, "after": row.email}, to=before)
        record_for_person(row, "account.email_changed", by=by, detail=f"{before} → {row.email}")
    return row.email


def _sealed_columns(link: AddressChange) -> tuple[str, ...]:
    until = link.expires_at.astimezone(UTC).isoformat(timespec="seconds")
    return str(link.person_id), link.email, link.account_state, until


def _state_of(person: User) -> str:
    parts = (person.password, person.email, str(person.session_epoch))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
