"""The table of OWASP ASVS 5.0 is complete, and the tests that it names exist."""

from __future__ import annotations

import re

from tests.slow.listing import exists
from tests.support.product_modules import CHECKOUT

TEXT = (CHECKOUT / "docs/asvs.md").read_text()
ROW = re.compile(r"^\| (\d\.\d+\.\d+) \| ([12]) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
NUMBER = {
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2,
}  # fmt: skip
"""How many requirements of levels 1 and 2 each section of the standard has; they are its first."""
REASONED = {"6.2.10", "6.4.2", "6.6.1"}
"""What Drayage doesn't have, and so no test can show."""


def test_each_requirement_has_a_row() -> None:
    numbers = [row[0] for row in ROW.findall(TEXT)]
    assert numbers == [f"{section}.{place + 1}" for section, number in NUMBER.items() for place in range(number)]


def test_each_names_a_test_that_exists() -> None:
    for number, _, _, _, shown in ROW.findall(TEXT):
        named = re.findall(r"`(tests/[\w/]+\.py(?:::[\w:]+)?)`", shown)
        assert bool(named) != (number in REASONED), number
        for test in named:
            path, _, function = test.partition("::")
            assert exists(test) if function else (CHECKOUT / path).is_file(), (number, test)


def test_what_is_met_in_part_or_otherwise_says_so() -> None:
    assert [row[0] for row in ROW.findall(TEXT) if "**" in row[3]] == ["6.3.3", "6.5.2"]
