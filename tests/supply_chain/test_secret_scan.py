"""What looks like a secret is found in the tree and in the history, and is allowed only by what says why it is none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.supply_chain.secret_scan import (
    Allowance,
    Found,
    Line,
    files,
    history,
    is_complete,
    judge,
    read_allowances,
    search,
    working_tree,
)

# Put together here, so that the scan of this repository does not find them.
AWS = "AKIA" + "QWERTZUIOPASDFGH"
GITHUB = "ghp_" + "Abc" * 12
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----"
SLACK = "xoxb-" + "263594206564-FGqddMF8t08v8N7Oq4i57vs1"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose second commit takes away what the first one added."""

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=alice", "-c", "user.email=alice@acme.example", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True)

    git("init")
    (tmp_path / "settings.py").write_text(f"KEY = '{AWS}'\nfine = True\n")
    git("add", ".")
    git("commit", "-m", "one")
    (tmp_path / "settings.py").write_text("fine = True\n")
    git("commit", "-am", "two")
    (tmp_path / "settings.py").write_text(f"fine = True\ntoken = '{GITHUB}'\n")
    (tmp_path / "new.pem").write_text(f"{KEY}\n")
    (tmp_path / "ignored.pem").write_text(f"{KEY}\n")
    (tmp_path / ".gitignore").write_text("/ignored.pem\n")
    return tmp_path


def test_a_secret_that_was_removed_is_still_in_the_history(repository: Path) -> None:
    found = [(each.kind, each.secret, each.line.path) for each in search(history(repository))]

    assert found == [("AWS Access Key", AWS, "settings.py")]


def test_what_is_not_committed_is_searched_too(repository: Path) -> None:
    found = {(each.kind, each.line.path) for each in search(working_tree(repository))}

    assert ("GitHub Token", "settings.py") in found
    assert ("Private Key", "new.pem") in found
    assert "ignored.pem" not in {path for _, path in found}


@pytest.mark.parametrize("start", [0, 1990, 5000, 100_000])
def test_a_secret_within_a_long_line(start: int) -> None:
    line = Line("x " * (start // 2) + SLACK + " y" * 3000, "app.min.js", "working tree")

    assert SLACK in {each.secret for each in search(iter([line]))}


def test_what_is_said_does_not_contain_it() -> None:
    found = Found("AWS Access Key", AWS, Line(f"KEY = '{AWS}'", "settings.py", "0123456789abcdef"))

    assert str(found) == "AWS Access Key in settings.py (0123456789ab): AKI… of 20"


def test_a_pattern_covers_a_whole_value_in_its_files() -> None:
    found = Found("Secret Keyword", "made-up", Line("password = 'made-up'", "tests/a.py", "working tree"))

    assert judge([found], [Allowance("why", value="made-.*", path="tests/*")]) == ([], [])
    assert judge([found], [Allowance("why", line="^password")]) == ([], [])
    for other in (
        Allowance("why", value="made"),
        Allowance("why", value="made-up", path="portal/*"),
        Allowance("why", value="made-up", line="token"),
    ):
        assert judge([found], [other]) == ([found], [other])


def test_each_entry_has_a_reason_and_allows_something_in_particular() -> None:
    allowances = read_allowances()

    assert len(allowances) > 5
    for allowance in allowances:
        assert len(allowance.reason) > 20
        assert allowance.value or allowance.line
        # The whole of none of these is allowed anywhere.
        for secret in (AWS, GITHUB, SLACK, "Tr0ub4dor&3-Xk29", "f" * 20 + "0" * 43):
            here = Line(f"password = '{secret}'", "portal/settings.py", "working tree")
            assert not allowance.covers(Found("Secret Keyword", secret, here))


def test_a_copy_without_a_repository_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("one\ntwo\n")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "other.py").write_text("three\n")
    (tmp_path / "image").write_bytes(b"\0\1\2")
    assert not is_complete(tmp_path)
    assert [(line.path, line.text) for line in files(tmp_path)] == [("app.py", "one"), ("app.py", "two")]
