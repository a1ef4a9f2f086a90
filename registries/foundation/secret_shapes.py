"""Recognises texts that look like secrets: tokens of registries and clouds, private keys, login commands, passwords in
addresses. Fields that are shown use it, so that none of them keeps a secret that was entered in the wrong place.

Every pattern is linear in the length of the text. Nothing here stores, logs or repeats what it reads.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

REMOVED = "[removed]"
"""What `redact` puts in a secret's place."""

_NO_WORD_BEFORE = r"(?<![A-Za-z0-9])"
_TOKENS = {
    "a GitHub token": r"(?:gh[pousr]_[A-Za-z0-9]{12,}|github_pat_[A-Za-z0-9]{16,}[A-Za-z0-9_]*)",
    "a Docker Hub token": r"dckr_(?:pat|oat)_(?=[a-z_-]{0,40}[0-9A-Z])[A-Za-z0-9_-]{8,}",
    "a GitLab token": r"(?:gl(?:pat|dt|rt|cbt|ptt|ft|imt|soat|agent)-(?=[A-Za-z_-]{0,40}[0-9A-Z])[\w.-]{12,})",
    "an AWS access key": r"A(?:KI|SI)A(?=[A-Z]{0,15}[0-9])[A-Z0-9]{16}(?![A-Za-z0-9])",
    "an Azure password": r"(?:[A-Za-z0-9/+]{42}\+ACR[A-Za-z0-9]{6}|[\w~.-]{3}[0-9]Q~[\w~.-]{31,34})",
    "a Google access token": r"(?:ya29\.(?=[a-z0-9_.-]{0,90}[A-Z])[\w.-]{16,}|AIza[\w-]{35})",
    "a Slack token": r"xox[abeoprs]-(?=[A-Za-z-]{0,40}[0-9])[A-Za-z0-9-]{10,}",
    "a secret key": r"(?:[sr]k_(?:live|test)_[A-Za-z0-9]{12,}"
    r"|sk-(?:[a-z0-9]{1,8}-)?(?=[a-z-]{0,80}[0-9A-Z])(?=[\w-]{0,80}[A-Za-z0-9_]{16})[\w-]{24,})",
    "an access token": r"(?:npm_[A-Za-z0-9]{30,}|pypi-AgE[\w-]{30,}|hf_[A-Za-z0-9]{30,}|do[opr]_v1_[a-f0-9]{32,}"
    r"|hv[sb]\.(?=[a-z0-9_-]{0,90}[A-Z])[\w-]{20,}|AKCp[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9]{40,})",
    "a token of this portal": r"(?:(?:dr[a-z]|drayage)_(?=[a-z0-9_-]{0,90}[A-Z])[A-Za-z0-9_-]{20,}"
    r"|whsec_[A-Za-z0-9+/=]{20,})",
}
TOKEN_PATTERN = "|".join(_TOKENS.values())
"""Matches tokens with a known form, in JavaScript too."""
_CERTAIN = {
    **{kind: re.compile(_NO_WORD_BEFORE + pattern) for kind, pattern in _TOKENS.items()},
    # `eyJ` is the beginning of a JSON object in base64: three or five parts make a signed or an encrypted token.
    "a signed token (JWT)": re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w.-]{4,}"),
    "a Quay robot token": re.compile(
        r"(?<![A-Za-z0-9])(?=[A-Z]{0,63}[0-9])(?=[A-F0-9]{0,63}[G-Z])[A-Z0-9]{64}(?![A-Za-z0-9])"
    ),
    "a service account key": re.compile(
        r'"private_key(?:_id)?"\s{0,9}:\s{0,9}"[^"]{8,}"?|"type"\s{0,9}:\s{0,9}"service_account"'
    ),
    "a docker login": re.compile(
        r'"(?:auth|identitytoken|registrytoken)"\s{0,9}:\s{0,9}"[\w+/=.-]{8,}"'
        r'|\.?dockerconfigjson"?\s{0,9}:\s{0,9}"?[A-Za-z0-9+/]{16,}={0,2}'
    ),
    "a password": re.compile(
        r'"(?:password|passwd|secret|client_secret|secret_access_key|SecretAccessKey|SessionToken)"'
        r'\s{0,9}:\s{0,9}"[^"$<{*\n]{1,300}"'
        r"|(?i:aws_secret_access_key|aws_session_token|accountkey|sharedaccesskey)"
        r"[\"']?\s{0,9}[=:]\s{0,9}[\"']?[A-Za-z0-9+/]{16,}={0,2}"
    ),
    "an Authorization header": re.compile(
        r"(?i:(?<![\w-])(?:proxy-)?authorization[\"']?\s{0,9}[:=]\s{0,9}[\"']?(?:basic|bearer|token)\s{1,9}"
        r"[\w+/=.~-]{6,}"
        r"|(?<![\w-])(?:x-api-key|salad-api-key|private-token|x-auth-token|x-registry-auth)[\"']?\s{0,9}:\s{0,9}"
        r"[\w+/=.~-]{8,})"
    ),
    "an address with a password": re.compile(
        r"://[^\s/?#@:\"'<>]{0,255}:(?![$<{*%…]|x{3,}@|(?i:password)@)[^\s/?#@\"']{1,255}@"
    ),
    "a login of curl": re.compile(
        r"(?<![\w-])curl(?:\.exe)?(?=\s)[^\n|;&]{0,300}?\s(?:-u\s{0,9}|--user(?:\s{1,9}|=))[\"']?"
        r"[^\s:\"'$<{*]{1,100}:(?![$<{*%…]|x{3,}|(?i:password)(?!\w))[^\s\"']{3,200}"
    ),
    "the address of a webhook": re.compile(
        r"hooks\.slack\.com/(?:services|workflows|triggers)/\w{1,40}/\w{1,40}/\w{8,}"
        r"|discord(?:app)?\.com/api/webhooks/[0-9]{1,30}/[\w-]{16,}"
    ),
}
"""By kind, what has a form that nothing else has."""
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END_OF_KEY = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_LOGIN = re.compile(
    r"(?<![\w-])(?:docker|podman|nerdctl|buildah|skopeo|oras|crane|finch|helm)(?:\.exe)?\s{1,9}"
    r"(?:[\w-]{1,20}\s{1,9}){0,3}login(?![\w-])"
)
_LOGIN_PASSWORD = re.compile(
    r"(?<!\S)(?:-p(?:\s{1,9}|=)?|--password(?:\s{1,9}|=))[\"']?(?![\s$\"'<{*-])([^\s\"']{1,400})"
)
_PROMPT = re.compile(r"\s{0,20}(?:[$#>]\s{0,9})?(?:sudo\s{1,9})?")
_PIPED = re.compile(
    r"(?<![\w-])(?:echo|printf)\s{1,9}(?:-n\s{1,9}|[\"']?%s[\"']?\s{1,9}|--\s{1,9}){0,3}"
    r"[\"']?(?![\s$\"'<{|*])[^\s\"'|]{1,4000}"
)
_OPTION = re.compile(
    r"(?<![\w-])--(?!(?:eos|bos|pad|unk|mask|sep|cls|start|end|stop|image|cancel)[-_]token(?![\w-]))"  # of models
    r"(?:[a-z]{1,20}[-_])?(?:password|passwd|pass|secret|token|api[-_]?key|access[-_]?key)"
    r"(=|\s{1,9})[\"']?([^\s\"']{1,400})"
)
_CREDENTIAL_PAIR = re.compile(
    r"[\w.+$-]{1,255}:(?!//)[^\s/@:]{1,255}@(?!sha(?:256|512):)[A-Za-z0-9.-]{1,255}(?::[0-9]{1,5})?(?:/\S{0,600})?"
)
"""`user:password@host/…` without a scheme, as a whole text."""
_WORD = re.compile(r"[A-Za-z0-9+/_=-]{20,}")
_PLAIN_RUN = re.compile(r"[a-z0-9]{24,}|[A-Z0-9]{24,}")
_ASSIGNED = re.compile(
    r"(?<![\w-])\w{0,60}?(?i:password|passwd|secret|token|api_?key|access_?key)=[\"']?([^\s\"']{6,400})"
)
_QUERY = re.compile(
    r"[?&](?i:token|access_token|api_?key|key|secret|sig|signature|password|x-amz-signature)=([^&\s#]{8,400})"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_KINDS = tuple(re.compile(kind) for kind in ("[A-Z]", "[a-z]", "[0-9]"))
_WIDER = ord("\uff01") - ord("!")
"""What a full-width character is above the usual one."""
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
    """Return the text as it is meant: without characters that nobody sees, full-width ones as usual, and quotes that
    JSON or a shell has escaped without their backslash. Also the place of each character, and of the end, in `text`;
    an empty list if nothing differs."""
    if text.isascii() and '\\"' not in text:
        return text, []
    kept, places = [], []
    for place, char in enumerate(text):
        if (char == "\\" and text[place + 1 : place + 2] == '"') or unicodedata.category(char) == "Cf":
            continue
        kept.append(chr(ord(char) - _WIDER) if "\uff01" <= char <= "\uff5e" else char)
        places.append(place)
    return "".join(kept), [*places, len(text)]


def _certain(text: str) -> Iterator[Secret]:
    for kind, pattern in _CERTAIN.items():
        for match in pattern.finditer(text):
            yield Secret(kind, match.start(), match.end(), is_certain=True)
    yield from _private_keys(text)
    for match in _OPTION.finditer(text):
        if _is_given(match[2], exact=match[1] == "="):
            yield Secret("a password", match.start(), match.end(), is_certain=True)
    yield from _logins(text)
    whole = text.strip()
    if len(whole) < 2000 and _CREDENTIAL_PAIR.fullmatch(whole) and not whole.startswith("mailto:"):
        yield Secret("an address with a password", 0, len(text), is_certain=True)


def _private_keys(text: str) -> Iterator[Secret]:
    end = 0
    for match in _PRIVATE_KEY.finditer(text):
        if match.start() >= end:
            last = _END_OF_KEY.search(text, match.end())
            end = last.end() if last else len(text)
            yield Secret("a private key", match.start(), end, is_certain=True)


def _logins(text: str) -> Iterator[Secret]:
    """Login commands with a password in them, or with one that is piped into them."""
    text = text.replace("\\\n", "  ").replace("\\\r\n", "   ")
    start = 0
    for line in text.split("\n"):
        login = _LOGIN.search(line)
        if login is not None:
            password = _LOGIN_PASSWORD.search(line, login.end())
            is_command = _PROMPT.fullmatch(line, 0, login.start()) is not None
            is_given = password is not None and (is_command or _is_given(password[1], exact=False))
            if is_given or _PIPED.search(line, 0, login.start()):
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
    for match in (*_ASSIGNED.finditer(text), *_QUERY.finditer(text)):
        value = match[1]
        if not value.startswith(_NOT_A_VALUE) and not value.isdecimal():
            yield Secret("a password", match.start(), match.end(), is_certain=False)
    for match in _WORD.finditer(text):
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
        for run in _PLAIN_RUN.findall(word)
    )


def _has_all(word: str) -> bool:
    return all(kind.search(word) for kind in _KINDS)


def _separators(word: str) -> int:
    return sum(not char.isalnum() for char in word)


def _changes(word: str) -> int:
    """How often neighbours are of different kinds: capitals, small letters, digits."""
    kinds = ["A" if char.isupper() else "a" if char.islower() else "0" for char in word if char.isalnum()]
    return sum(one != other for one, other in pairwise(kinds))
