"""Verifies the activity and prints the heads of its chains, a line of JSON each."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from portal.audit import verification
from portal.audit.verification import MAX_KEY, UNREADABLE, Head, organization_of, snapshot, verify
from portal.models import Organization


class Command(BaseCommand):
    help = "Find rows of the activity that were changed, removed or added, and print the heads of its chains."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--heads", type=Path, metavar="FILE", help="what an earlier run printed; the rows it names must still exist"
        )

    def handle(self, *, heads: Path | None, **options: object) -> None:
        kept = _read(heads) if heads else []
        count = 0
        verified: list[Head] = []
        with snapshot():
            for finding in verify(kept):
                count += 1
                place = f"{_name_of(finding.chain)}, row {finding.number}: " if finding.chain else ""
                self.stderr.write(f"{place}{finding.text}")
            with suppress(*UNREADABLE):  # a finding already
                verified = verification.heads()
        for head in verified:
            self.stdout.write(json.dumps(asdict(head)))
        if count:
            raise CommandError(f"{count} finding{'s' if count > 1 else ''}: the activity is not as it was written")
        rows = sum(head.number for head in verified)
        self.stderr.write(f"Verified {_count(rows, 'row')} in {_count(len(verified), 'chain')}: nothing was changed")


def _name_of(chain: str) -> str:
    """`chain 3 (acme)`: the chain, with the address of its organization if that exists."""
    organization = None
    with suppress(*UNREADABLE):
        key = organization_of(chain)
        organization = Organization.objects.filter(pk=key).first() if key is not None else None
    return f"chain {chain} ({organization.slug})" if organization else f"chain {chain}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _read(path: Path) -> list[Head]:
    try:
        return [_head(json.loads(line)) for line in path.read_text().splitlines() if line.strip()]
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}") from error
    except (LookupError, ValueError, TypeError, RecursionError) as error:
        raise CommandError(f"{path} does not hold heads as this command prints them") from error


def _head(values: dict[str, object]) -> Head:
    """Raises ValueError or TypeError for what this command doesn't print."""
    chain, number, digest = values["chain"], values["number"], values["hash"]
    if not isinstance(chain, str) or not isinstance(digest, str) or len(values) != 3:
        raise TypeError(values)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MAX_KEY:
        raise ValueError(number)
    organization_of(chain)
    return Head(chain, number, digest)
