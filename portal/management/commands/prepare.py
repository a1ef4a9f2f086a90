"""Brings keys, database and static files up to date. `up` runs it; elsewhere run it once per release."""

from __future__ import annotations

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from groups.nodes.vouching import vouch_existing
from portal.accounts.authority import mark_existing
from portal.runtime.data_folder import make_data_folder
from portal.runtime.keyed_digests import key_existing
from registries.secrets import keyring
from registries.secrets.private_files import NotPrivate
from registries.secrets.resealing import reseal_previous_format


class Command(BaseCommand):
    help = "Create missing keys, migrate the database, collect static files."

    def handle(self, *args: object, **options: object) -> None:
        try:
            make_data_folder(self.stdout.write)
            keyring.create_missing()
        except NotPrivate as problem:
            raise CommandError(str(problem)) from None
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        if settings.PORTAL_ZONE != "web":
            reseal_previous_format()
            vouch_existing()
            mark_existing()
            key_existing()
        call_command("collectstatic", interactive=False, verbosity=0)
