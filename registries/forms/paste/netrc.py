"""Logins as git, curl and others keep them: `.netrc`, and addresses with a user and a password
(`.git-credentials`)."""

from __future__ import annotations

import re
from urllib.parse import unquote

from registries.forms.paste.login import Pasted, Reading, read_scope

_NETRC = re.compile(r"\s*(?:#[^\n]*\n\s*)*(?:machine\s+\S+|default)\s+(?:login|user|account|password)\s")
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(#(?=\s)[^\n]*)|(\S+)')
_ADDRESS = re.compile(r"(?i)[a-z][a-z0-9+]{1,9}://([^\s:/@]{1,300}):([^\s/@]{1,4096})@(\S{1,512})")
_MAX_LOGINS = 100


def read(text: str) -> Reading:
    """Return the logins of a `.netrc`, or of lines that are addresses with a login."""
    if _NETRC.match(text):
        return _of_netrc(text)
    lines = [line.strip() for line in text.splitlines()[:_MAX_LOGINS] if line.strip()]
    matches = [_ADDRESS.fullmatch(line) for line in lines]
    reading = Reading()
    for match in matches if all(matches) else ():
        scope = read_scope(match[3].partition("/")[0]) if match else None
        if match and scope:
            reading += Reading(logins=(Pasted(scope[0], unquote(match[1]), unquote(match[2])),))
    return reading


def _of_netrc(text: str) -> Reading:
    found: list[dict[str, str]] = []
    words = (match for match in _TOKEN.finditer(text) if match[2] is None)
    for word in words:
        name = word[0]
        if name in ("machine", "default") and len(found) < _MAX_LOGINS:
            following = next(words, None) if name == "machine" else None
            found.append({"machine": _value(following)} if following else {})
        elif found and name in ("login", "user", "account", "password"):
            found[-1]["login" if name == "user" else name] = _value(next(words, None))
    reading = Reading()
    for entry in found:
        scope = read_scope(entry.get("machine", ""), has_path=False)
        if scope is not None and entry.get("password"):
            reading += Reading(logins=(Pasted(scope[0], entry.get("login", ""), entry["password"]),))
    return reading


def _value(word: re.Match[str] | None) -> str:
    if word is None:
        return ""
    return re.sub(r"\\(.)", r"\1", word[1]) if word[1] is not None else word[0]
