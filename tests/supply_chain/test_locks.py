"""Every package of the lock files has one version and the hashes of its files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.supply_chain.licences import locked

CHECKOUT = Path(__file__).parents[2]
LOCKS = sorted(path.name for path in CHECKOUT.glob("requirements*.txt"))
ENTRY = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[a-z0-9,_-]+\])?==[^\s;]+( ; [^\\\n]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+"
)


def entries(name: str) -> list[str]:
    """The entries of a lock file, without remarks."""
    text = re.sub(r"^ *#.*\n", "", (CHECKOUT / name).read_text(), flags=re.MULTILINE)
    return re.split(r"\n(?=\S)", text.strip())


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_with_hashes(name: str) -> None:
    found = entries(name)

    assert len(found) == len(locked(CHECKOUT / name)) > 20
    assert [entry for entry in found if not ENTRY.fullmatch(entry)] == []


def test_there_is_a_lock_for_each_group() -> None:
    groups = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["dependency-groups"]
    assert sorted(["requirements.txt", *(f"requirements-{name}.txt" for name in groups)]) == LOCKS


@pytest.mark.parametrize(
    "entry",
    ["requests", "requests==2.0", "requests>=2 --hash=sha256:" + "0" * 64, "git+https://example.org/x", "-e .",
     "requests==2.0 \\\n    --hash=md5:0", "--index-url https://example.org"],
)  # fmt: skip
def test_other_entries_are_seen(entry: str) -> None:
    assert not ENTRY.fullmatch(entry)
