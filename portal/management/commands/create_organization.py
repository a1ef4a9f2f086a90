"""Creates an organization with the project `default` and its owner."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from portal.management.first_links import hand_over, take_over
from portal.management.password_input import add_password_arguments, read_password
from portal.models import Organization, User
from portal.models.organization import SLUG
from portal.models.user import canonical_email
from portal.organizations.actions import NewPerson, create_organization
from registries.foundation.actor import CONSOLE
from registries.foundation.refusal import Refusal


class Command(BaseCommand):
    help = "Create an organization with the project 'default' and its owner."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--owner", required=True, metavar="EMAIL")
        parser.add_argument("--name", default="", help="Displayed name; by default the slug with a capital letter.")
        add_password_arguments(parser, "Password for a new owner; without one they get a link.")

    def handle(
        self,
        *,
        slug: str,
        owner: str,
        name: str,
        password: str | None,
        password_file: str | None = None,
        **options: object,
    ) -> None:
        email = canonical_email(owner)
        try:
            SLUG(slug)
            validate_email(email)
        except ValidationError as error:
            raise CommandError(error.messages[0]) from None
        if Organization.objects.filter(slug=slug).exists():
            raise CommandError(f"there is an organization {slug} already")
        secret = read_password(password, password_file)
        person = User.objects.filter(email=email).first()
        try:
            if person is not None:
                take_over(person, self.stdout.write)
            create_organization(
                slug=slug, name=name or slug.capitalize(), owner=person or NewPerson(email, secret), by=CONSOLE
            )
            self.stdout.write(f"{slug}: owner {email}")
            hand_over(User.objects.get(email=email), self.stdout.write)
        except Refusal as refusal:
            raise CommandError(refusal.message) from None
