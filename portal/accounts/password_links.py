"""Links that set a password, for whoever has the address of an account: to prove it, or to sign in for the first time.

They are the links of a forgotten password (`portal.accounts.reset_tokens`): each works once, and ends what anybody
else could sign in with if the address was not proven.
"""

from __future__ import annotations

from datetime import timedelta

from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.db.models.functions import Now
from django.urls import reverse

from portal.accounts.authority import AccountAltered, may_sign_in
from portal.accounts.reset_tokens import ResetTokens
from portal.mail import sending
from portal.models import PasswordReset, User
from registries.foundation.refusal import Refusal

MAX_LINKS_AN_HOUR = 5


class TooManyLinks(Refusal):
    """Enough links were mailed to this address for now."""

    code = "too_many_links"
    title = "No more links for now"

    def __init__(self) -> None:
        super().__init__(f"{MAX_LINKS_AN_HOUR} links were sent within an hour. Try again later.")


def create_link(person: User) -> str:
    """Return a link that sets the person's password, once, and is not stored. Raises AccountAltered."""
    if not may_sign_in(person):
        raise AccountAltered
    parts = [user_pk_to_url_str(person), ResetTokens().make_token(person)]
    return f"{settings.PORTAL_PUBLIC_URL}{reverse('account_reset_password_from_key', args=parts)}"


def mail_proof_link(person: User) -> sending.Outcome:
    """Mail the person a link that proves their address. Raises TooManyLinks, and AccountAltered."""
    recent = PasswordReset.objects.filter(person=person, created_at__gt=Now() - timedelta(hours=1))
    if recent.count() >= MAX_LINKS_AN_HOUR:
        raise TooManyLinks
    if not sending.is_configured():
        return sending.Outcome.NOT_SENT
    organizations = ", ".join(person.organizations.values_list("name", flat=True))
    context = {"link": create_link(person), "email": person.email, "organizations": organizations}
    return sending.send("prove_address", person.email, context)
