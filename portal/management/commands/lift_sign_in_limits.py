"""Lifts limits of signing in before they end by themselves, recorded in the activity."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Q

from portal.accounts.actions import lift_limit
from portal.accounts.attempt_counters import shown_as
from portal.accounts.sign_in_limits import typed_email
from portal.http.client_address import share_of
from portal.models import SignInLimit
from registries.foundation.actor import CONSOLE


class Command(BaseCommand):
    help = "Let an account or a client's address sign in again at once after too many failed attempts."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--account", metavar="EMAIL", help="everything that is counted for this address")
        which.add_argument("--address", metavar="IP", help="everything that is counted for this client")
        which.add_argument("--all", action="store_true", help="everything that is counted")

    def handle(self, *args: object, account: str | None, address: str | None, **options: object) -> str:
        which = Q()
        if account is not None:
            email = shown_as(typed_email(account))
            which = Q(shown=email) | Q(shown__startswith=f"{email} from ")
        elif address is not None:
            share = share_of(address)
            which = Q(shown=share) | Q(shown__endswith=f" from {share}")
        lifted = sum(lift_limit(row, by=CONSOLE) for row in SignInLimit.objects.filter(which).order_by("pk"))
        return f"Lifted {lifted}." if lifted else "Nothing is limited there."
