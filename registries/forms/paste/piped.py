"""What a pipe gives a command to read: the output of `echo`, `printf` and `cat`. Everything else is not known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from registries.forms.paste.arguments import program_of
from registries.forms.paste.quotes import unescape
from registries.forms.paste.shell import UNKNOWN, Command, Word

FROM_ELSEWHERE = (
    "The password in this command comes from a file, a variable or another command, which only your computer can read. "
    "Enter the password itself."
)
AMBIGUOUS_ECHO = (
    "There is a backslash in what echo prints here, which shells read differently. Enter the password itself."
)
_ECHO_OPTION = re.compile(r"-[neE]+")
_DIRECTIVE = re.compile(r"(%%|%s|%b)")


@dataclass(frozen=True)
class Input:
    """What a command reads. If it is not known, `note` is the sentence that says so."""

    text: Word
    note: str = FROM_ELSEWHERE


def input_of(pipeline: Sequence[Command], place: int) -> Input | None:
    """Return what the command at this place of a pipeline reads; None if it reads from the terminal."""
    command = pipeline[place]
    if command.stdin is not None:
        return Input(command.stdin)
    return _output(pipeline, place - 1) if place else None


def _output(pipeline: Sequence[Command], place: int) -> Input:
    program, words = program_of(pipeline[place])
    if program == "echo":
        return _echo(words)
    if program == "printf":
        return Input(_printf(words))
    is_filter = program == "tr" and [word.text for word in words] in _NEWLINES_CUT
    if is_filter or (program in ("cat", "tee") and all(word.text == "-" for word in words)):
        return input_of(pipeline, place) or Input(UNKNOWN)
    return Input(UNKNOWN)


_NEWLINES_CUT = [["-d", "\\n"], ["-d", "\n"], ["-d", "\\r\\n"], ["-d", "\\n\\r"], ["-d", "\\r"]]


def _echo(words: Sequence[Word]) -> Input:
    letters = ""
    while words and words[0].is_known and _ECHO_OPTION.fullmatch(words[0].text):
        letters += words[0].text[1:]
        words = words[1:]
    if not all(word.is_known for word in words):
        return Input(UNKNOWN)
    text = " ".join(word.text for word in words)
    if unescape(text) == text:
        return Input(Word(text))
    if not {"e", "E"} & set(letters):  # dash reads escapes, bash does not
        return Input(UNKNOWN, AMBIGUOUS_ECHO)
    return Input(Word(unescape(text) if letters.rfind("e") > letters.rfind("E") else text))


def _printf(words: Sequence[Word]) -> Word:
    if words and words[0].text == "--":
        words = words[1:]
    if not words or not all(word.is_known for word in words):
        return UNKNOWN
    parts = _DIRECTIVE.split(words[0].text)
    values = [word.text for word in words[1:]]
    takes = sum(part in ("%s", "%b") for part in parts)
    if any("%" in part for part in parts[::2]) or len(values) > takes:
        return UNKNOWN
    printed = [unescape(part) if place % 2 == 0 else "%" if part == "%%" else part for place, part in enumerate(parts)]
    for place, part in enumerate(parts):
        if part in ("%s", "%b"):
            value = values.pop(0) if values else ""
            printed[place] = unescape(value) if part == "%b" else value
    return Word("".join(printed))
