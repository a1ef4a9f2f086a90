"""Creates an API key and prints it, once, alone on the last line."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from portal.models import ApiKey, Organization
from portal.organizations.api_keys import KeyRefused, create_key, expiry_after
from registries.foundation.actor import CONSOLE


class Command(BaseCommand):
    help = "Create an API key for an organization and print it once, alone on the last line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--name", required=True)
        parser.add_argument("--scope", choices=ApiKey.Scope.values, default=ApiKey.Scope.WRITE.value)
        parser.add_argument("--days", type=int, help="Days until it expires; without it, it never does.")

    def handle(self, *, slug: str, name: str, scope: str, days: int | None, **options: object) -> None:
        organization = Organization.objects.filter(slug=slug).first()
        if organization is None:
            raise CommandError(f"there is no organization {slug}")
        name = name.strip()
        if not 1 <= len(name) <= 63 or not name.isprintable():
            raise CommandError("a name has 1 to 63 characters, all of them visible")
        if days is not None and not 1 <= days <= 3650:
            raise CommandError("--days is a number from 1 to 3650")
        until = expiry_after(days)
        try:
            row, key = create_key(organization_id=organization.pk, name=name, scope=scope, expires_at=until, by=CONSOLE)
        except KeyRefused as refusal:
            raise CommandError(refusal.message) from None
        self.stdout.write(f"{organization.slug}: {row.name}, {row.scope}. It is shown only now:")
        self.stdout.write(key)
