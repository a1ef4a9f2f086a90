"""Forgets that a registry has spoken TLS: the row, and the worker zone's note."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser

from registries.actions import forget_tls
from registries.foundation.actor import CONSOLE
from registries.secrets.keyring import KeyUnavailable


class Command(BaseCommand):
    help = "Forget that a registry has spoken TLS, for one whose TLS was switched off on purpose."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("host", help="host[:port], as the admin lists it under Hosts with TLS")

    def handle(self, *args: object, host: str, **options: object) -> str:
        try:
            if not forget_tls(host, by=CONSOLE):
                raise CommandError(f"{host} is not known to have spoken TLS here.")
        except KeyUnavailable:
            raise CommandError("Run this where the workers' keys are, with PORTAL_ZONE=worker or all.") from None
        except OSError as error:
            raise CommandError(f"The workers' note can't be deleted: {error.strerror}. Run this again.") from None
        return f"Forgotten. Where its network is open for it, credentials may be sent to {host} unencrypted."
