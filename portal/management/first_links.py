"""Links for people whom commands let in: mailed where the portal sends mail, else printed once."""

from __future__ import annotations

from collections.abc import Callable

from portal.accounts import password_links
from portal.accounts.actions import create_person
from portal.accounts.address_proof import set_address_proof
from portal.accounts.authority import AccountAltered
from portal.accounts.reset_tokens import end_links
from portal.accounts.staff_roles import RIGHTS, StaffRole
from portal.models import AddressProof, User
from registries.foundation.actor import CONSOLE


def take_over(person: User, say: Callable[[str], object]) -> None:
    """Vouch for the address of an account that nobody had proven to have: its password, second factors and sessions
    end, since somebody else may have made it. Raises AccountAltered."""
    if set_address_proof(person, AddressProof.OPERATOR, by=CONSOLE):
        say(f"Nobody had proven to have {person.email}. What that account could sign in with has ended.")


def hand_over(person: User, say: Callable[[str], object]) -> None:
    """Give a person without a password a link that sets it. Raises AccountAltered."""
    if person.has_usable_password():
        return
    link = password_links.issue_link(person, by=CONSOLE)
    if password_links.mail_link(person, link):
        say(f"A link that sets the password was sent to {person.email}. It works once, for 24 hours.")
    else:
        say(f"Link for {person.email}, which sets the password once, within 24 hours. It is shown only now:")
        say(link)


def first_operator_link(email: str) -> str | None:
    """Create an operator with this address if there is no operator, and return a link that sets the password. Returns
    None once any operator has signed in, where others were created, and for an account that can't sign in. Earlier
    links of this account end."""
    operators = User.objects.filter(is_superuser=True)
    if operators.filter(last_login__isnull=False).exists():
        return None
    if not operators.exists() and not User.objects.filter(email=email).exists():
        create_person(email, None, **RIGHTS[StaffRole.OPERATOR], by=CONSOLE)
    person = operators.filter(email=email).first()
    if person is None:
        return None
    end_links(person)
    try:
        return password_links.issue_link(person, by=CONSOLE)
    except AccountAltered:
        return None
