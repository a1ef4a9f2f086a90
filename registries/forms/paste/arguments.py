"""The words of a command as its program reads them: prefixes such as `sudo`, options with values, operands.

Options are those of cobra and pflag, which docker, podman, helm and others use: `-u x`, `-ux`, `-u=x`, `--user x`,
`--user=x`, and `--` before operands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from registries.forms.paste.shell import UNKNOWN, Command, Word

_PREFIXES = {
    "sudo": {"-u", "--user", "-g", "--group", "-h", "-p", "-C", "-D"}, "doas": {"-u", "-C"}, "env": {"-u", "-C"},
    "command": set(), "exec": set(), "time": set(), "nohup": set(), "nice": {"-n"}, "winpty": set(),
    "wsl": {"-d", "-u"},
    "lima": set(), "colima": set(), "then": set(), "do": set(), "if": set(), "!": set(), "&": set(),
    "microk8s": set(), "k3s": set(),
}  # fmt: skip
"""Words before a command, with their options that take a value."""
_AT_HOST = r"[\w.-]{1,64}@[\w.-]{1,64}[^\n$#%'\"|]{0,80}?"
_PROMPT = re.compile(
    rf"^[ \t]*(?:\([\w.-]{{1,40}}\)[ \t]+)?(?:(?:\[[^\]\n]{{1,80}}\]|{_AT_HOST}|[~/][\w./~-]{{0,80}})[ \t]*)?"
    r"[$%❯➜»][ \t]+(?=[\w./-])",
    re.MULTILINE,
)
_ROOT_PROMPT = re.compile(rf"[ \t]*(?:{_AT_HOST})?#[ \t]+(?=[a-z])")


@dataclass(frozen=True)
class Arguments:
    """The options and operands of a command. An option that is given several times has its last value."""

    options: Mapping[str, Word]
    operands: tuple[Word, ...]

    def option(self, *names: str) -> Word | None:
        """Return the value of the first of these options that is given."""
        return next((self.options[name] for name in names if name in self.options), None)


def without_prompts(text: str) -> str:
    """Return the text without what a terminal shows before a command. A `#` is a prompt only at its beginning."""
    return _PROMPT.sub("", _ROOT_PROMPT.sub("", text) if _ROOT_PROMPT.match(text) else text)


def program_of(command: Command) -> tuple[str, Sequence[Word]]:
    """Return the name of the program that a command runs, without its folder and `.exe`, and the words after it."""
    words = [word for word in command.words if word.text != "$"]
    while words:
        if words[0].variable:
            words = words[1:]
            continue
        name = words[0].text.rpartition("/")[2].removesuffix(".exe")
        with_value = _PREFIXES.get(name)
        if with_value is None:
            return name, words[1:]
        words = words[1:]
        while words and (words[0].text.startswith("-") or words[0].variable):
            words = words[2:] if words[0].text in with_value else words[1:]
    return "", []


def read_arguments(words: Iterable[Word], *, with_value: Collection[str]) -> Arguments:
    """Split words into options and operands. `with_value` are the options that take the next word."""
    options: dict[str, Word] = {}
    operands: list[Word] = []
    rest = iter(words)
    for word in rest:
        text = word.text
        name, equals, value = text.partition("=")
        if text == "--":
            operands += rest
        elif len(text) < 2 or not text.startswith("-"):
            operands.append(word)
        elif equals and name.startswith("--"):
            options[name] = replace(word, text=value)
        elif text.startswith("--"):
            options[text] = next(rest, UNKNOWN) if text in with_value else word
        else:
            _read_letters(word, rest, options, with_value)
    return Arguments(options, tuple(operands))


def _read_letters(word: Word, rest: Iterator[Word], options: dict[str, Word], with_value: Collection[str]) -> None:
    """Read `-itp 80:80`: letters, of which the first one that takes a value takes what follows it."""
    for place, letter in enumerate(word.text[1:], start=2):
        if f"-{letter}" in with_value:
            given = word.text[place:].removeprefix("=")
            is_apart = place == len(word.text) and word.is_known
            options[f"-{letter}"] = next(rest, UNKNOWN) if is_apart else replace(word, text=given)
            return
        options[f"-{letter}"] = Word("")
