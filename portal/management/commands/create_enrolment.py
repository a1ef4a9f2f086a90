"""Prints a one-time code with which a node joins."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from groups.nodes.enrolment import CodesElsewhere, NameInvalid, create_enrolment
from registries.foundation.actor import CONSOLE


class Command(BaseCommand):
    help = "Create a one-time code that enrols a node, valid for 24 hours, and print it alone on the last line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("node_name")

    def handle(self, *, node_name: str, **options: object) -> None:
        try:
            code, _ = create_enrolment(node_name, by=CONSOLE)
        except (NameInvalid, CodesElsewhere) as refusal:
            raise CommandError(refusal.message) from None
        self.stdout.write(code)
