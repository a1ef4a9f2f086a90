"""Creates an operator, who chooses a password with a link."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from portal.accounts.actions import change_person, create_person
from portal.accounts.staff_roles import RIGHTS, StaffRole, role_of
from portal.management.first_links import hand_over, take_over
from portal.models import User
from portal.models.user import canonical_email
from registries.foundation.actor import CONSOLE
from registries.foundation.refusal import Refusal


class Command(BaseCommand):
    help = "Create an operator, or make somebody one. Without a password they get a link that sets it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *, email: str, **options: object) -> None:
        email = canonical_email(email)
        try:
            validate_email(email)
        except ValidationError as error:
            raise CommandError(error.messages[0]) from None
        try:
            self._create(email)
        except Refusal as refusal:
            raise CommandError(refusal.message) from None

    def _create(self, email: str) -> None:
        rights = RIGHTS[StaffRole.OPERATOR]
        person = User.objects.filter(email=email).first()
        if person is None:
            person = create_person(email, None, **rights, by=CONSOLE)
            self.stdout.write(f"{email} is an operator.")
        else:
            take_over(person, self.stdout.write)
            was = role_of(person)
            change_person(person, dict(rights) | {"is_active": True}, by=CONSOLE)
            self.stdout.write(
                f"{email} {'was an operator already' if was is StaffRole.OPERATOR else 'is an operator'}."
            )
        hand_over(User.objects.get(pk=person.pk), self.stdout.write)
