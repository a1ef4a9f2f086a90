"""Accepts an account that was changed outside the portal, such as with SQL."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.actions import confirm_account
from portal.accounts.authority import AccountAltered
from portal.models import User
from portal.models.user import canonical_email
from registries.foundation.actor import CONSOLE

POWERS = {
    "is_superuser": "operator",
    "is_staff": "may open the admin",
    "is_support": "support",
    "is_active": "may sign in",
}

AGAIN = "Somebody changed the account again in the meantime. Nothing was changed here."
NOTHING = "Nothing was changed. To take rights from the account, confirm it, and change it in the admin."


class Command(BaseCommand):
    help = "Accept what an account that was changed outside the portal may do. Its password is removed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--noinput", action="store_false", dest="interactive", help="Don't ask.")

    def handle(self, *args: object, email: str, interactive: bool, **options: object) -> str:
        person = User.objects.filter(email=canonical_email(email)).first()
        if person is None:
            raise CommandError(f"There is no account with the address {email}.")
        powers = ", ".join(words for name, words in POWERS.items() if getattr(person, name))
        self.stdout.write(f"{person.email}: {powers or 'may do nothing'}")
        if interactive and input("Is that what this account should be? [y/N]: ").lower() != "y":
            raise CommandError(NOTHING)
        try:
            is_confirmed = confirm_account(person, by=CONSOLE)
        except AccountAltered:
            raise CommandError(AGAIN) from None
        if not is_confirmed:
            return "Nobody changed this account outside the portal."
        return f"Confirmed. Set a password: manage.py changepassword {person.email}"
