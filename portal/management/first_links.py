"""Links for people whom commands let in: mailed where the portal sends mail, else printed once."""

from __future__ import annotations

from collections.abc import Callable

from portal.accounts import password_links
from portal.accounts.address_proof import set_address_proof
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
