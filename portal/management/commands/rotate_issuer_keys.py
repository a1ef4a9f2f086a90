"""Replaces the key that signs tokens of issuers, with a day's notice or at once."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser

from registries.secrets import issuer_rotation
from registries.secrets.keyring import KeyUnavailable


class Command(BaseCommand):
    help = (
        "Publish the next key that signs tokens for keyless pulls. It signs a day later, when clouds have fetched it, "
        "and the present one is withdrawn an hour after that."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--now",
            action="store_true",
            help="replace the key at once, because somebody may have it: clouds that keep the old keys refuse keyless "
            "pulls until they fetch the new one, for up to a day",
        )

    def handle(self, *args: object, now: bool, **options: object) -> str:
        try:
            return self._replace() if now else self._publish()
        except KeyUnavailable:
            raise CommandError("Run this where the workers' keys are, with PORTAL_ZONE=worker or all.") from None
        except OSError as error:
            raise CommandError(f"The keys can't be written: {error.strerror}. Run this again.") from None

    def _replace(self) -> str:
        number = issuer_rotation.replace_now()
        return (
            f"Key {number} signs from now on, and all older ones are withdrawn. Clouds that keep the old keys refuse "
            "keyless pulls until they fetch the new one, for up to a day; until then they also accept tokens that "
            "somebody signs with a stolen key. At a cloud, removing and adding the issuer again ends that."
        )

    def _publish(self) -> str:
        number = issuer_rotation.publish_next()
        hours = -(-issuer_rotation.seconds_until_next_signs() // 3600)
        if number is None:
            return f"The next key is public already. It signs in {hours} hours."
        return f"Key {number} is public. It signs in {hours} hours, and the present one is withdrawn after that."
