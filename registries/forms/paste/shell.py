"""Reads commands as a POSIX shell does: quotes, `$'…'`, comments, continued lines, pipes and here-documents.

Nothing is run. A variable has a value only if the same text assigned it; a word with any other, or with the output of a
command, is not known. Linear in the length of the text, which the caller limits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from registries.forms.paste.quotes import ansi_c

_MAX_EXPANDED = 256 * 1024
"""Characters of all values of variables together: they are used more often than they are written."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=", re.ASCII)
_REDIRECTION = re.compile(r"[0-9]{0,2}(?:<<<|<<-|<<|<&|<>|<|>>|>&|>\||>)|&>>?")
_HOME = re.compile(r"~(?=/|\s|\Z)")
_SPLIT = re.compile(r"[\s*?\[]")
_OPERATOR = re.compile(r"\|\||&&|\|&|;;|[|;&()]")


class Unreadable(ValueError):
    """A text is no list of commands. `reason` is a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Word:
    """A word as the command gets it. If it is not known, `text` is what comes before the part that isn't. `variable` is
    the one that it assigns, if it has the form of an assignment."""

    text: str = field(repr=False)
    is_known: bool = True
    variable: str = ""


@dataclass(frozen=True)
class Command:
    """A simple command. `stdin` is what a here-document or file gives it, None if neither does."""

    words: tuple[Word, ...]
    stdin: Word | None = None


UNKNOWN = Word("", is_known=False)


def read_pipelines(text: str) -> list[list[Command]]:
    """Return the commands of a text, by pipeline. Raises Unreadable."""
    return _Script(text.replace("\r\n", "\n"), {}).read()


@dataclass(frozen=True)
class _Document:
    """A here-document whose text is still to come, for the command at a place of a pipeline."""

    pipeline: list[Command]
    place: int
    delimiter: str
    is_quoted: bool
    cuts_tabs: bool


class _Script:
    def __init__(self, text: str, variables: dict[str, Word]) -> None:
        self._text = text
        self._at = 0
        self._variables = variables
        self._expanded = 0
        self._words: list[Word] = []
        self._stdin: Word | None = None
        self._documents: list[_Document] = []
        self._pipeline: list[Command] = []
        self._pipelines: list[list[Command]] = []

    def read(self) -> list[list[Command]]:
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in " \t":
                self._at += 1
            elif char == "\n":
                self._at += 1
                self._read_documents()
                self._end_pipeline(is_line=True)
            elif self._text.startswith("\\\n", self._at):
                self._at += 2
            elif char == "#":
                self._at = self._end_of_line()
            elif redirection := _REDIRECTION.match(self._text, self._at):
                self._at = redirection.end()
                self._redirect(redirection[0].lstrip("0123456789"))
            elif operator := _OPERATOR.match(self._text, self._at):
                if operator[0] == "(" and self._words:
                    raise Unreadable(_PARENTHESIS)
                self._at = operator.end()
                self._end_command()
                if operator[0] not in {"|", "|&"}:
                    self._end_pipeline()
            elif (word := self._word()) is not None:
                self._words.append(word)
        self._read_documents()
        self._end_pipeline()
        return self._pipelines

    def _end_of_line(self) -> int:
        end = self._text.find("\n", self._at)
        return len(self._text) if end < 0 else end

    def _end_command(self) -> None:
        words, stdin = tuple(self._words), self._stdin
        self._words, self._stdin = [], None
        if not words and stdin is None:
            return
        self._assign(words)
        self._pipeline.append(Command(words, stdin))

    def _end_pipeline(self, *, is_line: bool = False) -> None:
        if is_line and self._pipeline and not self._words and self._stdin is None:
            return  # a line that ends with | goes on in the next one
        self._end_command()
        if self._pipeline:
            self._pipelines.append(self._pipeline)
        self._pipeline = []

    def _assign(self, words: Sequence[Word]) -> None:
        """Note the variables of a command that only assigns."""
        is_export = bool(words) and words[0].text in {"export", "declare", "local", "readonly", "set"}
        if not is_export and not all(word.variable for word in words):
            return
        for word in words:
            if word.variable:
                value = Word(word.text[len(word.variable) + 1 :]) if word.is_known else UNKNOWN
                self._variables[word.variable] = value

    def _redirect(self, operator: str) -> None:
        while self._text[self._at : self._at + 1] in (" ", "\t"):
            self._at += 1
        start = self._at
        if self._text.startswith("(", start):  # the output of a command, as a file
            self._skip_parentheses()
            word: Word | None = UNKNOWN
        else:
            word = self._word()
        if operator in ("<<", "<<-") and word is not None:
            is_quoted = any(sign in self._text[start : self._at] for sign in "'\"\\")
            place = len(self._pipeline)
            self._documents.append(_Document(self._pipeline, place, word.text, is_quoted, operator == "<<-"))
        elif operator == "<<<":
            self._stdin = word or UNKNOWN
        elif operator in ("<", "<>", "<&"):
            self._stdin = UNKNOWN

    def _read_documents(self) -> None:
        for document in self._documents:
            body = self._lines_up_to(document)
            text = Word(body) if document.is_quoted else _Script(body, self._variables)._document()
            if document.place < len(document.pipeline):
                document.pipeline[document.place] = replace(document.pipeline[document.place], stdin=text)
            else:
                self._stdin = text
        self._documents = []

    def _lines_up_to(self, document: _Document) -> str:
        lines: list[str] = []
        while self._at < len(self._text):
            end = self._end_of_line()
            line = self._text[self._at : end]
            self._at = min(end + 1, len(self._text))
            line = line.lstrip("\t") if document.cuts_tabs else line
            if line == document.delimiter:
                return "\n".join(lines)
            lines.append(line)
        raise Unreadable("A here-document in this command (<<) is not closed: paste the command to its end.")

    def _document(self) -> Word:
        """Read the whole text as between double quotes, in which quotes are themselves."""
        parts: list[str | None] = []
        self._quoted(parts, end="")
        return _joined(parts)

    def _word(self) -> Word | None:
        """Read a word; None for one that vanishes, as an empty variable does."""
        parts: list[str | None] = []
        is_quoted = False
        text = self._text
        assignment = _ASSIGNMENT.match(text, self._at)
        if _HOME.match(text, self._at):
            parts.append(None)
        while self._at < len(text) and (char := text[self._at]) not in " \t\n|;&()<>":
            self._at += 1
            is_quoted |= char in "'\""
            if char == "\\":
                following = text[self._at : self._at + 1]
                self._at += 1
                parts.append("" if following == "\n" else following or "\\")
            elif char == "'":
                parts.append(self._until("'"))
            elif char == '"':
                self._quoted(parts, end='"')
            elif char == "$" and text.startswith("'", self._at):
                plain, self._at = ansi_c(text, self._at + 1)
                if plain is None:
                    raise Unreadable(_OPEN_QUOTE)
                is_quoted = True
                parts.append(plain)
            elif char == "$" and text.startswith('"', self._at):
                pass  # a text to be translated: the quote comes next
            elif char in "$`":
                value = self._expansion(char)
                # Outside of quotes a value is split at blanks, and may be a pattern for files.
                parts.append(None if value is None or _SPLIT.search(value) else value)
            else:
                parts.append(char)
        word = _joined(parts, variable=assignment[1] if assignment else "")
        return word if word.text or is_quoted or not word.is_known else None

    def _quoted(self, parts: list[str | None], *, end: str) -> None:
        """Read up to the double quote `end`, or to the end of the text."""
        text = self._text
        while self._at < len(text):
            char = text[self._at]
            self._at += 1
            if char == end:
                return
            if char == "\\" and (following := text[self._at : self._at + 1]) and following in f"$`\\\n{end}":
                self._at += 1
                parts.append("" if following == "\n" else following)
            elif char in "$`":
                parts.append(self._expansion(char))
            else:
                parts.append(char)
        if end:
            raise Unreadable(_OPEN_QUOTE)

    def _until(self, sign: str) -> str:
        start, end = self._at, self._text.find(sign, self._at)
        if end < 0:
            raise Unreadable(_OPEN_QUOTE)
        self._at = end + 1
        return self._text[start:end]

    def _expansion(self, char: str) -> str | None:
        """Read what follows `$` or a backtick, and return its value; None if that is not known."""
        following = self._text[self._at : self._at + 1]
        if char == "`":
            self._until("`")
            return None
        if following == "(":
            self._skip_parentheses()
            return None
        if following == "{":
            return self._value(self._until("}")[1:])
        if name := _NAME.match(self._text, self._at):
            self._at = name.end()
            return self._value(name[0])
        if following and following in "0123456789@*#?$!-":
            self._at += 1
            return None
        return "$"

    def _value(self, name: str) -> str | None:
        value = self._variables.get(name, UNKNOWN)
        self._expanded += len(value.text)
        return value.text if value.is_known and self._expanded <= _MAX_EXPANDED else None

    def _skip_parentheses(self) -> None:
        depth = 0
        while self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            if char in "'\"":
                self._until(char)
            depth += (char == "(") - (char == ")")
            if not depth:
                return
        raise Unreadable("A parenthesis in this command is opened and not closed: paste the command to its end.")


def _joined(parts: Sequence[str | None], *, variable: str = "") -> Word:
    known = list(takewhile(lambda part: part is not None, parts))
    return Word("".join(part or "" for part in known), is_known=len(known) == len(parts), variable=variable)


_PARENTHESIS = "There is a parenthesis outside of quotes in this command: put its word in quotes."
_OPEN_QUOTE = "A quote in this command is opened and not closed: paste the command to its end."
