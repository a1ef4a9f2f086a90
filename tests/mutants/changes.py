"""The lines that a change touches: those that differ from main, uncommitted ones included."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path

from tests.support.product_modules import CHECKOUT

_PLACE = re.compile(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@")


def changed_lines() -> dict[Path, set[int]]:
    """The numbers of new and changed lines of each file, below the checkout. On main itself: of the last commit."""
    base = _git("merge-base", "HEAD", "origin/main") or _git("merge-base", "HEAD", "main")
    if not base or base == _git("rev-parse", "HEAD"):
        base = "HEAD~1"
    found: defaultdict[Path, set[int]] = defaultdict(set)
    path = Path()
    for line in _git("diff", "--relative", "--unified=0", base).splitlines():
        if line.startswith("+++ b/"):
            path = Path(line.removeprefix("+++ b/"))
        elif place := _PLACE.match(line):
            first, count = int(place[1]), int(place[2] or 1)
            found[path].update(range(first, first + count))
    return dict(found)


def _git(*arguments: str) -> str:
    """What git prints; empty if it fails."""
    done = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
