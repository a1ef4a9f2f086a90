"""Prints a one-time code with which a node joins."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from groups.nodes.enrolment import NameInvalid, create_enrolment


class Command(BaseCommand):
    help = "Make a one-time code with which a node joins, valid for 24 hours; it stands alone on the last line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("node_name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            code = create_enrolment(options["node_name"])
        except NameInvalid as error:
            raise CommandError(str(error)) from None
        self.stdout.write(code)
