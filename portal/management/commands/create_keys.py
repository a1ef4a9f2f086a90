"""Makes the keys of both zones that are not there yet."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from registries import keyring


class Command(BaseCommand):
    help = "Make the keys of both zones that are not there yet."

    def handle(self, *args: Any, **options: Any) -> None:
        keyring.create_missing()
