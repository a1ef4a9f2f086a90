"""Verifies the activity and prints the heads of its chains, a line of JSON each."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from portal.audit.verification import Head, verify
from portal.audit.verification import heads as current_heads


class Command(BaseCommand):
    help = "Find rows of the activity that were changed, removed or added, and print the heads of its chains."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--heads", type=Path, metavar="FILE", help="what an earlier run printed; the rows it names must still exist"
        )

    def handle(self, *, heads: Path | None, **options: object) -> None:
        count = 0
        for finding in verify(_read(heads) if heads else []):
            count += 1
            place = f"chain {finding.chain}, row {finding.number}: " if finding.chain else ""
            self.stderr.write(f"{place}{finding.text}")
        for head in current_heads():
            self.stdout.write(json.dumps(asdict(head)))
        if count:
            raise CommandError(f"{count} finding{'s' if count > 1 else ''}: the activity is not as it was written")


def _read(path: Path) -> list[Head]:
    try:
        return [Head(**json.loads(line)) for line in path.read_text().splitlines() if line.strip()]
    except (OSError, ValueError, TypeError) as error:
        raise CommandError(f"{path} does not hold heads as this command prints them") from error
