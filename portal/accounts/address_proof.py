"""Who proved that a person has the email address of their account.

An account without a proof may be somebody else's: whoever invites can open the link himself and choose a password.
When the person with the address arrives, the account becomes theirs: `prove` leaves nothing by which the one before
could sign in.
"""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction

from portal.accounts import authority
from portal.accounts.reset_tokens import end_links
from portal.accounts.session_epoch import end_sessions
from portal.audit.sign_ins import record_for_person
from portal.models import AddressProof, LinkedIdentity, User
from registries.foundation.actor import Actor


def set_address_proof(person: User, proof: AddressProof, *, by: Actor) -> bool:
    """Note that the person has the account's address. If it had no proof until now, its password, sessions, second
    factors and links end (`prove`). Returns whether it had none. Raises AccountAltered."""
    with transaction.atomic():
        row = authority.lock(person.pk)
        if row.address_proof:
            return False
        prove(row, proof)
        record_for_person(row, "account.address_proven", by=by, detail=AddressProof(proof).label)
    person.refresh_from_db()
    return True


def mail_proof() -> AddressProof:
    """Return the proof that somebody gives who opens a link that the portal mailed, and showed to nobody else. Where
    mail is printed on the console, an operator has passed it on."""
    return AddressProof.MAIL if settings.PORTAL_SENDS_MAIL else AddressProof.OPERATOR


def prove(row: User, proof: AddressProof) -> None:
    """Give a locked account without a proof to the person who has its address: password, second factors, linked
    identities, sessions and links to it end. The caller sets another password or leaves it without one."""
    Authenticator.objects.filter(user=row.pk).delete()
    LinkedIdentity.objects.filter(person=row.pk).delete()
    end_links(row)
    row.set_unusable_password()
    row.second_factors, row.address_proof = "", proof
    authority.store(row, "password", "second_factors", "address_proof")
    end_sessions(row)
