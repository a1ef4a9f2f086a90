"""Removes the second factors of somebody who lost them, such as of the only operator."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.factor_actions import reset_factors
from portal.models import User
from portal.models.user import canonical_email
from registries.foundation.actor import CONSOLE
from registries.foundation.refusal import Refusal


class Command(BaseCommand):
    help = "Remove all second factors of somebody who lost them, and sign them out everywhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--reason", required=True, help="how you made sure who asks; the person reads it")

    def handle(self, *args: object, email: str, reason: str, **options: object) -> str:
        person = User.objects.filter(email=canonical_email(email)).first()
        if person is None:
            raise CommandError(f"There is no account with the address {email}.")
        try:
            is_reset = reset_factors(person, reason[:300], by=CONSOLE)
        except Refusal as refusal:
            raise CommandError(refusal.message) from None
        return "The second factors are removed." if is_reset else "This account has no second factor."
