"""Recognizes commands for PowerShell and cmd.exe, which read quotes and variables differently from POSIX shells."""

from __future__ import annotations

import re

_PROMPT = re.compile(r"^[ \t]*(?:PS(?: [A-Za-z]:?[^>\n]{0,200})?>|[A-Za-z]:\\[^>\n]{0,200}>)[ \t]*", re.MULTILINE)
_POWERSHELL = re.compile(
    r"\$env:|\$\{env:|`[ \t]*\r?\n"
    r"|(?<![\w-])(?:Get|Write|ConvertTo|ConvertFrom|Read|Invoke|Out|Set)-[A-Z][A-Za-z]{2,30}(?![\w-])",
    re.IGNORECASE,
)
_CMD = re.compile(
    r"(?:^|\s)[\"']?%[A-Za-z_][A-Za-z0-9_]{0,80}%[\"']?(?=\s|$)|\^[ \t]*\r?\n"
    r"|^[ \t]*(?:@echo|set\s+/p|type\s+\S+\s*\|)",
    re.IGNORECASE | re.MULTILINE,
)
_PROGRAM = re.compile(r"\.exe(?=[\s\"'])", re.IGNORECASE)
_PLAIN = re.compile(r"[\w\s.:/@+=,|-]*")
_DOUBLE_QUOTES = re.compile(r'"[\w .:/@+=,-]*"')


def problem_of(command: str) -> str:
    """Return a sentence if this command is for a shell of Windows and could mean something else there; else an empty
    text. Plain words mean the same everywhere."""
    is_powershell = _POWERSHELL.search(command) is not None
    is_cmd = _CMD.search(command) is not None
    has_prompt = _PROMPT.search(command) is not None
    if not (is_powershell or is_cmd or has_prompt or _PROGRAM.search(command)):
        return ""
    rest = _DOUBLE_QUOTES.sub("", _PROMPT.sub("", command))
    if _PLAIN.fullmatch(rest) and not is_powershell and not is_cmd:
        return ""
    shell = "PowerShell" if is_powershell or command.lstrip()[:2] == "PS" else "cmd" if is_cmd else "Windows"
    return (
        f"This is a command for {shell}, where quotes and variables differ from other shells, so its values can't be "
        "read for certain. Enter the user name and the secret in their fields."
    )


def without_prompt(command: str) -> str:
    """Return the command without the prompt of PowerShell or cmd.exe before it."""
    return _PROMPT.sub("", command)
