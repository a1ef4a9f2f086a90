"""The page of the documentation that shows who reaches which address.

python -m tests.security.access_page    writes docs/access.md
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tests.security.access_table import KEYS, PEOPLE, expected_of_key, operations, rows

DOCUMENT = Path(__file__).parents[2] / "docs" / "access.md"


def render() -> str:
    """Return docs/access.md."""
    return "\n".join([*_introduction(), *_people(), *_programs()]) + "\n"


def _introduction() -> Iterator[str]:
    yield "# Who reaches which address"
    yield ""
    yield (
        "Written by `python -m tests.security.access_page`. Every address of the portal has a row, and "
        "`tests/security/test_access_table.py` sends each method to each of them as each of these. A stranger owns "
        "another organization, somebody removed was an owner of this one, and the address of somebody unproven was "
        "proved by nobody. Support and operators have a second factor; without one, they reach only the pages that add "
        "one. Refused requests are sent to the sign-in page, or get 401, 403 or 404. `own` stands for the "
        "methods that a page of one's own account, of operators or of the admin accepts by itself."
    )
    yield ""


def _people() -> Iterator[str]:
    """Addresses with the same cells share a row."""
    yield "## People"
    yield ""
    yield "| addresses | methods | " + " | ".join(PEOPLE) + " |"
    yield "|---" * (len(PEOPLE) + 2) + "|"
    grouped: dict[tuple[str, ...], list[str]] = {}
    for row in rows():
        methods = " ".join(row.methods) if row.methods is not None else "own"
        cells = (methods, *(str(row.refused.get(who, "open")) for who in PEOPLE))
        grouped.setdefault(cells, []).append(row.name)
    for cells, names in grouped.items():
        shown = ", ".join(f"`{name.replace('|', chr(92) + '|')}`" for name in names)
        yield f"| {shown} | " + " | ".join(cells) + " |"
    yield ""


def _programs() -> Iterator[str]:
    yield "## Programs"
    yield ""
    yield "| operations | " + " | ".join(KEYS) + " |"
    yield "|---" * (len(KEYS) + 1) + "|"
    grouped: dict[tuple[str, ...], list[str]] = {}
    for name, (method, _, _) in operations().items():
        cells = tuple(str(expected_of_key(name, key, method)) for key in KEYS)
        grouped.setdefault(cells, []).append(name)
    for cells, names in grouped.items():
        yield f"| {', '.join(f'`{name}`' for name in names)} | " + " | ".join(cells) + " |"


def main() -> None:
    """Write docs/access.md."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    os.environ.setdefault("PORTAL_PUBLIC_URL", "https://portal.example")
    import django

    django.setup()
    DOCUMENT.write_text(render())


if __name__ == "__main__":
    main()
