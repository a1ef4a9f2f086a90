"""Django's `createsuperuser`, recorded in the activity."""

from __future__ import annotations

import getpass
import os
import sys

from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from portal.accounts.actions import create_person
from portal.models import User
from registries.foundation.actor import CONSOLE

ADDRESS = "DJANGO_SUPERUSER_EMAIL"
PASSWORD = "DJANGO_SUPERUSER_PASSWORD"  # noqa: S105 (the name of a variable)
NO_TERMINAL = (
    "Superuser creation skipped due to not running in a TTY. You can run `manage.py createsuperuser` in your project "
    "to create one manually."
)


class Command(createsuperuser.Command):
    """Takes the same arguments, questions and environment variables as Django's command."""

    help = "Create an operator, who may do everything in the admin."

    def handle(self, *args: object, email: str | None, interactive: bool, verbosity: int, **options: object) -> None:
        if interactive and hasattr(self.stdin, "isatty") and not self.stdin.isatty():
            self.stdout.write(NO_TERMINAL)
            return
        try:
            email, password = self._ask(email) if interactive else self._read(email)
        except KeyboardInterrupt:
            self.stderr.write("\nOperation cancelled.")
            sys.exit(1)
        create_person(email, password, is_staff=True, is_superuser=True, by=CONSOLE)
        if verbosity >= 1:
            self.stdout.write("Superuser created successfully.")

    def _read(self, email: str | None) -> tuple[str, str | None]:
        """The address and the password from the arguments and the environment. Without a password nobody can sign in
        as this operator until one is set."""
        email = os.environ.get(ADDRESS) if email is None else email
        if email is None:
            raise CommandError("You must use --email with --noinput.")
        if problem := self._problem_of(email):
            raise CommandError(problem)
        return email, os.environ.get(PASSWORD)

    def _ask(self, email: str | None) -> tuple[str, str]:
        if email == "":
            raise CommandError("E-mail address cannot be blank.")
        while email is None or (problem := self._problem_of(email)):
            if email is not None:
                self.stderr.write(problem)
            email = self.get_input_data(self.username_field, "E-mail address: ")
        while True:
            password = getpass.getpass()
            if password != getpass.getpass("Password (again): "):
                self.stderr.write("Error: Your passwords didn't match.")
            elif not password.strip():
                self.stderr.write("Error: Blank passwords aren't allowed.")
            elif self._is_accepted(password, email):
                return email, password

    def _is_accepted(self, password: str, email: str) -> bool:
        try:
            validate_password(password, User(email=email))
        except ValidationError as error:
            self.stderr.write("\n".join(error.messages))
            return input("Bypass password validation and create user anyway? [y/N]: ").lower() == "y"
        return True

    def _problem_of(self, email: str) -> str:
        """Why there can be no account with this address, empty if there can."""
        name = self.username_field.verbose_name
        problem: str | None = self._validate_username(email, name, "default")  # type: ignore[attr-defined]
        return problem or ""
