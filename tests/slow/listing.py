"""The list in `slow.txt`: a test function with the seconds that one case of it takes, its set-up included."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.support.product_modules import CHECKOUT

LIST = Path(__file__).with_name("slow.txt")
LIMIT = 0.04
"""Seconds: what takes longer is listed."""


def function_of(nodeid: str) -> str:
    """The test function of a case: its id without the parameters."""
    return nodeid.partition("[")[0]


def exists(function: str) -> bool:
    """Whether there is such a test in its file."""
    path, *names = function.split("::")
    body = _statements(path)
    for name in names:
        found = [node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name]
        if not found:
            return False
        body = found[-1].body
    return True


@cache
def _statements(path: str) -> list[ast.stmt]:
    file = CHECKOUT / path
    return ast.parse(file.read_bytes()).body if file.is_file() else []


def entries() -> dict[str, float]:
    """The seconds of each listed function."""
    pairs = (line.split() for line in LIST.read_text().splitlines())
    return {function: float(seconds) for seconds, function in pairs}


def updated(known: Mapping[str, float], cases: Mapping[str, float]) -> dict[str, float]:
    """What the list is to say.

    `cases` has the seconds of each case that ran, by its id. A function that ran is listed if the mean of its cases
    is over the limit; one that did not run stays as it was known, if it still exists.
    """
    of_function: dict[str, list[float]] = {}
    for nodeid, seconds in cases.items():
        of_function.setdefault(function_of(nodeid), []).append(seconds)
    means = {function: sum(seconds) / len(seconds) for function, seconds in of_function.items()}
    kept = {function: seconds for function, seconds in known.items() if function not in means and exists(function)}
    return kept | {function: mean for function, mean in means.items() if mean > LIMIT}


def write(seconds: Mapping[str, float]) -> None:
    """Replace the list, in the order of the files."""
    LIST.write_text("".join(f"{seconds[function]:7.2f} {function}\n" for function in sorted(seconds)))
