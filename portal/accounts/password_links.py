"""Links that set a password, for whoever has the address of an account: to prove it, or to sign in for the first time.

They are the links of a forgotten password (`portal.accounts.reset_tokens`): each works once, and ends what anybody
else could sign in with if the address was not proven.
"""

from __future__ import annotations

from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from portal.accounts.authority import AccountAltered, may_sign_in
from portal.accounts.reset_tokens import ResetTokens
from portal.accounts.staff_roles import StaffRole, role_of
from portal.mail import sending
from portal.models import User
from portal.organizations.rules import require_active
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor

FIRST_LINK_SECONDS = 24 * 3600


def issue_link(person: User, *, by: Actor) -> str:
    """Return a link for somebody whom an operator lets in, for FIRST_LINK_SECONDS. It is not stored. Raises
    AccountAltered and AccountDeactivated."""
    with transaction.atomic():
        link = create_link(person, seconds=FIRST_LINK_SECONDS)
        record(by, "account.link_created", Target("person", person.pk, person.email), organization_id=None)
    return link


def mail_link(person: User, link: str) -> bool:
    """Mail an operator's link to the person. Returns whether the mail server took it; where mail would be printed, the
    operator has the link already."""
    role = role_of(person)
    context = {"link": link, "email": person.email, "role": "" if role is StaffRole.NONE else role.value}
    is_sent = settings.PORTAL_SENDS_MAIL and sending.send("first_password", person.email, context)
    return is_sent is sending.Outcome.SENT


def create_link(person: User, *, seconds: int | None = None) -> str:
    """Return a link that sets the person's password, once, within `PASSWORD_RESET_TIMEOUT` or this number of seconds.
    It is not stored. Raises AccountAltered and AccountDeactivated."""
    require_active(person)
    if not may_sign_in(person):
        raise AccountAltered
    parts = [user_pk_to_url_str(person), ResetTokens().make_token(person, seconds)]
    return f"{settings.PORTAL_PUBLIC_URL}{reverse('account_reset_password_from_key', args=parts)}"


def mail_proof_link(person: User) -> sending.Outcome:
    """Mail the person a link that proves their address. Raises AccountAltered."""
    if not sending.is_configured():
        return sending.Outcome.NOT_SENT
    organizations = ", ".join(person.organizations.values_list("name", flat=True))
    context = {"link": create_link(person), "email": person.email, "organizations": organizations}
    return sending.send("prove_address", person.email, context)
