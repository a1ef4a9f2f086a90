"""Runs the tests of the catalogue, and no others, and prints the summary. Takes pytest's options."""

from __future__ import annotations

import sys

import pytest

from tests.security import catalogue


def main(options: list[str]) -> int:
    """Return pytest's exit code, which is 1 if a case is violated."""
    categories = catalogue.read()
    files = sorted({test.partition("::")[0] for test in catalogue.listed(categories)})
    there = [name for name in files if (catalogue.CATALOGUE.parents[2] / name).exists()]
    return int(pytest.main(["-q", "-n", "2", "-p", "tests.security.summary", "--only-catalogue", *options, *there]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
