"""Brings keys, database and static files up to date. `up` does it by itself; run it once per release elsewhere."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from registries.secrets import keyring


class Command(BaseCommand):
    help = "Make missing keys, migrate the database, collect static files."

    def handle(self, *args: Any, **options: Any) -> None:
        keyring.create_missing()
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
