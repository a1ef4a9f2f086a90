"""Where a node's enrolment code comes from, and that it is on no command line if the operator follows the pages."""

from __future__ import annotations

import argparse
import getpass
import io
from pathlib import Path

import pytest

from groups.agent.__main__ import _options
from groups.agent.enrolment_code import CodeUnreadable, read_code

CODE = "dre_" + "A" * 43
USUAL = ["--portal", "https://portal.example", "--data", "/nowhere"]


def options(*more: str) -> argparse.Namespace:
    return _options([*USUAL, *more])


class Terminal(io.TextIOWrapper):
    """Standard input: a terminal, or what another program writes."""

    def __init__(self, content: bytes, *, is_terminal: bool) -> None:
        super().__init__(io.BytesIO(content))
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_from_a_file(tmp_path: Path, end: str) -> None:
    (tmp_path / "code").write_text(CODE + end, newline="")
    assert read_code(options("--code-file", str(tmp_path / "code"))) == CODE


def test_from_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(f"{CODE}\n".encode(), is_terminal=False))
    assert read_code(options("--code-file", "-")) == CODE


def test_from_whoever_sits_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(b"", is_terminal=True))
    monkeypatch.setattr(getpass, "getpass", lambda prompt: CODE)
    assert read_code(options("--code-file", "-")) == CODE


def test_on_the_command_line_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert read_code(options("--code", CODE)) == CODE
    said = capsys.readouterr().out
    assert '"event": "warning"' in said
    assert "--code-file FILE" in said
    assert CODE not in said


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"two words", b"\xff\xfe", b"x" * 1000 + b" y", b"\0"])
def test_a_file_without_a_code_says_so_and_shows_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "code").write_bytes(content)
    with pytest.raises(CodeUnreadable, match="--code-file") as problem:
        read_code(options("--code-file", str(tmp_path / "code")))
    assert "two" not in str(problem.value)


@pytest.mark.parametrize("missing", ["no such file", "."])
def test_a_file_that_is_none(tmp_path: Path, missing: str) -> None:
    with pytest.raises(CodeUnreadable, match="can't be read"):
        read_code(options("--code-file", str(tmp_path / missing)))


def test_no_code_at_all() -> None:
    with pytest.raises(CodeUnreadable, match="not enrolled"):
        read_code(options())
