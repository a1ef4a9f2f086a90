"""Recognises texts that look like secrets: tokens of registries and clouds, private keys, login commands, passwords in
addresses. Fields that are shown use it, so that none of them keeps a secret that was entered in the wrong place.

Every pattern is linear in the length of the text. Nothing here stores, logs or repeats what it reads.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from registries.foundation.secret_patterns import (
    ASSIGNED,
    BASE64,
    CERTAIN,
    CREDENTIAL_PAIR,
    END_OF_KEY,
    HERE_STRING,
    KEY_BODY,
    LOGIN,
    LOGIN_PAIR,
    LOGIN_PASSWORD,
    LONE_TOKEN,
    MIN_BASE64_LENGTH,
    NO_NAME,
    NO_PASSWORD,
    OPTION,
    PIPED,
    PLAIN_RUN,
    PRIVATE_KEY,
    PROMPT,
    QUERY,
    SUBSTITUTION,
    WORD,
    YAML,
)

REMOVED = "[removed]"
"""What `redact` puts in a secret's place."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_KINDS = tuple(re.compile(kind) for kind in ("[A-Z]", "[a-z]", "[0-9]"))
_WIDER = ord("\uff01") - ord("!")
"""What a full-width character is above the usual one."""
_DASHES = {"\u2014": "--", "\u2015": "--", "\u2013": "--", "\u2010": "-", "\u2011": "-", "\u2212": "-"}
"""What text programs make of the hyphens before an option."""
_NOT_A_VALUE = ("$", "-", "<", "{", "[", "*", "/", "%", ".", "(")
MIN_SECRET_LENGTH = 20
"""Shorter words without a known form could be anything."""


@dataclass(frozen=True)
class Secret:
    """A place in a text that looks like a secret. `kind` names what it is (`a GitHub token`). `is_certain` is whether
    it has a form that nothing else has; otherwise people may say that it is none."""

    kind: str
    start: int
    end: int
    is_certain: bool


def find_secrets(text: str, *, likely: bool = True) -> list[Secret]:
    """Return what looks like secrets in `text`, in order and without overlaps; with `likely`, also long random words
    and other forms that may be harmless. Takes time linear in the length of the text."""
    folded, places = _folded(text)
    found = list(_certain(folded))
    if likely:
        found += _likely(folded)
    if places:
        found = [Secret(one.kind, places[one.start], places[one.end], one.is_certain) for one in found]
    found.sort(key=lambda secret: (secret.start, -secret.end))
    apart: list[Secret] = []
    for secret in found:
        if not apart or secret.start >= apart[-1].end:
            apart.append(secret)
        elif secret.is_certain and not apart[-1].is_certain:
            apart[-1] = Secret(secret.kind, apart[-1].start, max(secret.end, apart[-1].end), is_certain=True)
        elif secret.end > apart[-1].end:
            apart[-1] = Secret(apart[-1].kind, apart[-1].start, secret.end, apart[-1].is_certain)
    return apart


def find_secret(text: str, *, likely: bool = True) -> Secret | None:
    """Return the first thing in `text` that looks like a secret, the certain ones first; None if nothing does."""
    found = find_secrets(text, likely=likely)
    return next((secret for secret in found if secret.is_certain), found[0] if found else None)


def find_lone_token(text: str) -> Secret | None:
    """Return a text that consists of a UUID or of 32 or more hex digits, as keys of some clouds and older tokens of
    GitHub and GitLab do. For names only: in other places they are digests, commits and ids."""
    if not LONE_TOKEN.fullmatch(_folded(text)[0].strip()):
        return None
    return Secret("a token or an id", 0, len(text), is_certain=False)


def secret_in_command(words: Sequence[str]) -> Secret | None:
    """Return the secret in the words of a command; its place is that in the words joined by blanks. Long random words
    are no secrets there."""
    text = " ".join(words)
    start = 0
    for word, following in pairwise([*words, ""]):
        start += len(word) + 1
        if word in ("--password", "--passwd") and following and not following.startswith(_NOT_A_VALUE):
            return Secret("a password", start, start + len(following), is_certain=True)
    return find_secret(text, likely=False)


def redact(text: str, *, likely: bool = True) -> str:
    """Return `text` with REMOVED in the place of everything that looks like a secret."""
    parts, end = [], 0
    for secret in find_secrets(text, likely=likely):
        parts += [text[end : secret.start], REMOVED]
        end = secret.end
    return "".join([*parts, text[end:]])


def _folded(text: str) -> tuple[str, list[int]]:
    """Return the text as it is meant: without characters that nobody sees, full-width ones as usual, dashes as the
    hyphens that they were, and quotes that JSON or a shell has escaped without their backslash. Also the place of each
    character, and of the end, in `text`; an empty list if nothing differs."""
    if text.isascii() and '\\"' not in text:
        return text, []
    kept, places = [], []
    for place, char in enumerate(text):
        if (char == "\\" and text[place + 1 : place + 2] == '"') or unicodedata.category(char) == "Cf":
            continue
        for meant in _DASHES.get(char, chr(ord(char) - _WIDER) if "\uff01" <= char <= "\uff5e" else char):
            kept.append(meant)
            places.append(place)
    return "".join(kept), [*places, len(text)]


def _certain(text: str) -> Iterator[Secret]:
    for kind, pattern in CERTAIN.items():
        for match in pattern.finditer(text):
            yield Secret(kind, match.start(), match.end(), is_certain=True)
    yield from _private_keys(text)
    yield from _encoded_logins(text)
    for match in YAML.finditer(text):
        if _is_given(match[1], exact=False) and NO_NAME.search(match[1]) and "://" not in match[1]:
            yield Secret("a password", match.start(), match.end(), is_certain=True)
    for match in OPTION.finditer(text):
        if _is_given(match[2], exact=match[1] == "="):
            yield Secret("a password", match.start(), match.end(), is_certain=True)
    yield from _logins(text)
    whole = text.strip()
    if len(whole) < 2000 and CREDENTIAL_PAIR.fullmatch(whole) and not whole.startswith("mailto:"):
        yield Secret("an address with a password", 0, len(text), is_certain=True)


def _private_keys(text: str) -> Iterator[Secret]:
    end = 0
    for match in PRIVATE_KEY.finditer(text):
        if match.start() >= end:
            last = END_OF_KEY.search(text, match.end())
            end = last.end() if last else len(text)
            yield Secret("a private key", match.start(), end, is_certain=True)
    for match in KEY_BODY.finditer(text):
        yield Secret("a private key", match.start(), match.end(), is_certain=True)


def _encoded_logins(text: str) -> Iterator[Secret]:
    """`user:password` in base64, as it stands behind `Basic` and in a docker login."""
    for match in BASE64.finditer(text):
        word = match[2].rstrip("=")
        if len(word) % 4 == 1 or (match[1] is None and len(word) + 2 < MIN_BASE64_LENGTH):
            continue
        try:
            plain = base64.b64decode(word + "=" * (-len(word) % 4)).decode("ascii")
        except ValueError:
            continue
        if LOGIN_PAIR.fullmatch(plain):
            yield Secret("a login in base64", match.start(), match.end(), is_certain=True)


def _logins(text: str) -> Iterator[Secret]:
    """Login commands with a password in them, or with one that is piped into them."""
    text = text.replace("\\\n", "  ").replace("\\\r\n", "   ")
    start = 0
    for line in text.split("\n"):
        login = LOGIN.search(line)
        if login is not None:
            password = LOGIN_PASSWORD.search(line, login.end())
            is_command = PROMPT.fullmatch(line, 0, login.start()) is not None
            is_given = password is not None and (is_command or _is_given(password[1], exact=False))
            substitution = SUBSTITUTION.search(line, login.end())
            is_read = HERE_STRING.search(line, login.end()) or (
                substitution is not None and PIPED.match(line, substitution.end())
            )
            if is_given or is_read or PIPED.search(line, 0, login.start()):
                yield Secret("a docker login", start, start + len(line), is_certain=True)
        start += len(line) + 1


def _is_given(value: str, *, exact: bool) -> bool:
    """Whether `value`, after an option such as `--token`, is a value and not a variable, or the next word of a
    sentence."""
    if value.startswith(_NOT_A_VALUE) or value.lower() in {"true", "false", "none", "null"}:
        return False
    bare = value.strip(".,;:!?)'\"`")
    if exact:
        return len(bare) > 2 and not (bare.isdecimal() and len(bare) < 8)
    return len(bare) > 3 and not bare.isalpha() and not bare.isdecimal()


def _likely(text: str) -> Iterator[Secret]:
    for match in (*ASSIGNED.finditer(text), *QUERY.finditer(text)):
        value = match[1]
        if not value.startswith(_NOT_A_VALUE) and not value.isdecimal():
            yield Secret("a password", match.start(), match.end(), is_certain=False)
    for match in YAML.finditer(text):
        value = match[1].rstrip(".,;!?").lower()
        if (
            not value.startswith(_NOT_A_VALUE)
            and value not in NO_PASSWORD
            and value.isalnum()
            and not value.isdecimal()
        ):
            yield Secret("a password", match.start(), match.end(), is_certain=False)
    for match in WORD.finditer(text):
        if _is_random(match[0]):
            yield Secret("a password or token", match.start(), match.end(), is_certain=False)


def _is_random(word: str) -> bool:
    """Whether a word looks as if a machine had made it: many changes between capitals, small letters and digits. Hex
    digits, which digests and ids consist of, don't."""
    if len(word) > 4096:
        return False  # a file, not a word
    if _UUID.search(word):
        return False
    bare = word.strip("=-_/")
    if re.fullmatch(r"[A-Za-z0-9+/]{40}", bare) and _has_all(bare) and _changes(bare) >= 8:
        return True  # the form of an AWS secret access key
    if _has_all(bare) and len(bare) >= MIN_SECRET_LENGTH and _separators(bare) * 8 <= len(bare):
        return _changes(bare) >= 0.4 * (len(bare) - 1)
    return any(
        not _HEX.fullmatch(run) and not run.isalpha() and _changes(run) >= 0.22 * len(run)
        for run in PLAIN_RUN.findall(word)
    )


def _has_all(word: str) -> bool:
    return all(kind.search(word) for kind in _KINDS)


def _separators(word: str) -> int:
    return sum(not char.isalnum() for char in word)


def _changes(word: str) -> int:
    """How often neighbours are of different kinds: capitals, small letters, digits."""
    kinds = ["A" if char.isupper() else "a" if char.islower() else "0" for char in word if char.isalnum()]
    return sum(one != other for one, other in pairwise(kinds))
