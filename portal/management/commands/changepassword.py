"""Django's `changepassword`, recorded in the activity."""

from __future__ import annotations

import getpass

from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from portal.accounts.actions import set_password
from portal.accounts.authority import AccountAltered, may_sign_in
from portal.management.first_links import take_over
from portal.models import User
from registries.foundation.actor import CONSOLE

MAX_TRIES = 3


class Command(changepassword.Command):
    """Takes the same arguments and asks the same questions as Django's command."""

    help = "Change somebody's password, and vouch for their address if nobody has proven it."

    def handle(self, *args: object, username: str | None, **options: object) -> str:
        email = username or getpass.getuser()
        person = User.objects.filter(email=email).first()
        if person is None:
            raise CommandError(f"user '{email}' does not exist")
        if not may_sign_in(person):
            raise CommandError(AccountAltered().message)
        self.stdout.write(f"Changing password for user '{person}'")
        password = self._ask(person)
        take_over(person, self.stdout.write)
        set_password(person, password, by=CONSOLE)
        return f"Password changed successfully for user '{person}'"

    def _ask(self, person: User) -> str:
        for _ in range(MAX_TRIES):
            password = _read("Password: ")
            if password != _read("Password (again): "):
                self.stdout.write("Passwords do not match. Please try again.")
                continue
            try:
                validate_password(password, person)
            except ValidationError as error:
                self.stderr.write("\n".join(error.messages))
            else:
                return password
        raise CommandError(f"Aborting password change for user '{person}' after {MAX_TRIES} attempts")


def _read(prompt: str) -> str:
    password = getpass.getpass(prompt)
    if not password:
        raise CommandError("aborted")
    return password
