"""Brings keys, database and static files up to date. `up` runs it; elsewhere run it once per release."""

from __future__ import annotations

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from groups.nodes.vouching import vouch_existing
from portal.accounts.authority import mark_existing
from portal.organizations import identities
from portal.organizations.key_owners import own_existing
from portal.runtime.data_folder import make_data_folder
from portal.runtime.keyed_digests import key_existing
from registries.secrets import issuer_rotation, keyring
from registries.secrets.private_files import NotPrivate
from registries.secrets.resealing import reseal_previous_format

WEB_ZONE = (
    "A release is prepared with the keys of both zones, and PORTAL_ZONE is web here. Run the command where both key "
    "folders are, with PORTAL_ZONE=worker or without it."
)


class Command(BaseCommand):
    help = "Create missing keys, migrate the database, collect static files."

    def handle(self, *args: object, **options: object) -> None:
        if settings.PORTAL_ZONE == "web":
            raise CommandError(WEB_ZONE)
        try:
            make_data_folder(self.stdout.write)
            keyring.create_missing()
            issuer_rotation.ensure_key()
        except NotPrivate as problem:
            raise CommandError(str(problem)) from None
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        reseal_previous_format()
        vouch_existing()
        mark_existing()
        own_existing()
        identities.mark_existing()
        key_existing()
        call_command("collectstatic", interactive=False, verbosity=0)
