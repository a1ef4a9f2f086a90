"""Reads text that people paste instead of single values: a `docker login` command, docker's `config.json`, files with a
login (`registries.forms.paste_files`), an image with `https://` or `docker pull` before it.

Pure, and linear in the length of the text, which is limited. The forms validate the result like typed values. Text that
can't be read raises nothing.
"""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from registries.forms import paste_files
from registries.oci import strict_json
from registries.oci.reference import DOCKER_HUB, ReferenceInvalid, parse_host
from registries.providers.acr import REFRESH_TOKEN_USER

MAX_PASTE_LENGTH = 64 * 1024
MAX_LOGINS = 50
MIN_LOGIN_LENGTH = len("docker login")

_TOOLS = frozenset({"docker", "podman", "nerdctl", "buildah", "skopeo", "oras", "crane", "finch"})
_WITH_VALUE = frozenset({"-u", "--username", "-p", "--password", "--authfile", "--cert-dir", "--platform", "--config"})
_VARIABLE = re.compile(r"\$(?:\w{1,100}|\{[^}]{0,100}\}|\(.*\)?)", re.DOTALL)
_HUB_PAGE = re.compile(r"hub\.docker\.com/(?:r/|_/|layers/|repository/docker/)([a-z0-9._/-]{1,255})")


@dataclass(frozen=True)
class Pasted:
    """A login: `host` in its canonical form, `secret` empty if the text only refers to it (`--password-stdin`).

    Files of a cloud name no host: for them `host` is empty, `kind` is the kind of registry, and `values` are by field
    name.
    """

    host: str
    username: str = ""
    secret: str = field(default="", repr=False)
    kind: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_logins(text: str) -> list[Pasted]:
    """Return the logins in a pasted command line, config or file, at most `MAX_LOGINS`."""
    text = text.strip()
    if not text or len(text) > MAX_PASTE_LENGTH:
        return []
    config = text if text.startswith("{") else paste_files.config_in(text)
    if found := _config(config) if config else _command(text):
        return found
    file = paste_files.read(text)
    if file is None:
        return []
    host = _host(file.host) if file.host else ""
    return [] if host is None else [Pasted(host, file.username, file.secret, file.kind, file.values)]


def is_login_text(text: str, *, in_secret: bool = False) -> bool:
    """Whether a field's text is a whole login instead of the field's value. With `in_secret` the field is for a secret,
    which may be a key file itself."""
    found = read_logins(text) if len(text) > MIN_LOGIN_LENGTH else []
    return bool(found) and not (in_secret and any("key" in login.values for login in found))


def read_login(text: str, host: str = "") -> Pasted | None:
    """Return the only login in `text`, or of several the one for `host` (canonical). None if there is no such login."""
    found = read_logins(text)
    if len(found) > 1:
        found = [login for login in found if login.host == host]
    return found[0] if found else None


def read_image(text: str) -> str | None:
    """Return the image that a pull command or a web address names; None if `text` is neither."""
    text = text.strip()
    words = text.split() if len(text) <= MAX_PASTE_LENGTH else []
    if words[:1] == ["$"]:
        words = words[1:]
    if words[:1] == ["sudo"]:
        words = words[1:]
    if len(words) > 2 and words[0] in _TOOLS and "pull" in words[1:3]:
        rest = _operands(words[words.index("pull", 1) + 1 :])[0]
        return _without_scheme(rest[0]) or rest[0] if len(rest) == 1 else None
    return _without_scheme(text) if len(words) == 1 else None


def _without_scheme(text: str) -> str | None:
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in {"https", "docker", "oci"} or not rest:
        return None
    rest = rest.removesuffix("/")
    page = _HUB_PAGE.fullmatch(rest)
    return page[1] if page else rest


def _command(text: str) -> list[Pasted]:
    """Read `[echo SECRET |] docker login [-u USER] [-p SECRET] [HOST]`."""
    try:
        words = shlex.split(text.replace("\\\r\n", " ").replace("\\\n", " "), comments=False)
    except ValueError:  # a quote that is not closed
        return []
    start = next((i for i, word in enumerate(words) if word in _TOOLS and "login" in words[i + 1 : i + 3]), None)
    if start is None:
        return []
    operands, options = _operands(words[words.index("login", start) + 1 :])
    if len(operands) > 1:
        return []
    host = _host(operands[0]) if operands else DOCKER_HUB
    username = options.get("-u") or options.get("--username") or ""
    secret = options.get("-p") or options.get("--password") or _echoed(words[:start])
    if host is None:
        return []
    return [Pasted(host, username, "" if _VARIABLE.fullmatch(secret) else secret)]


def _operands(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Split the words of a command into operands, and options with their values."""
    operands: list[str] = []
    options: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if word in {"&&", ";", "|", "||"}:
            break
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            operands.append(word)
        elif equals and name.startswith("-"):
            options[name] = value
        elif word in _WITH_VALUE:
            options[word] = next(rest, "")
        elif word[:2] in {"-u", "-p"} and len(word) > 2:
            options[word[:2]] = word[2:]
    return operands, options


def _echoed(words: list[str]) -> str:
    """Return the text that `echo` or `printf %s` writes into the pipe at the end of these words; else empty."""
    if words[-1:] == ["sudo"]:
        words = words[:-1]
    if words[-1:] != ["|"]:
        return ""
    printed = [word for word in words[:-1] if word not in {"$", "-n", "%s", "--"}]
    return printed[1] if len(printed) == 2 and printed[0] in {"echo", "printf"} else ""


def _config(text: str) -> list[Pasted]:
    """Read docker's `config.json`: `auths` by host, each with `auth`, or user name and password, or a token."""
    try:
        document = strict_json.read_object(text.encode("utf-8", "replace"), 4 * MAX_PASTE_LENGTH)
    except strict_json.JsonInvalid:
        return []
    auths = document.get("auths", document)
    if packed := paste_files.config_of_secret(document):
        return _config(packed)
    if not isinstance(auths, dict):
        return []
    found = (_entry(name, entry) for name, entry in list(auths.items())[:MAX_LOGINS])
    return [login for login in found if login is not None]


def _entry(name: str, entry: object) -> Pasted | None:
    host = _host(name)
    if host is None or not isinstance(entry, Mapping):
        return None
    username, secret, packed, token = (_text(entry, key) for key in ("username", "password", "auth", "identitytoken"))
    if packed:
        try:
            username, _, secret = base64.b64decode(packed, validate=True).decode("utf-8").partition(":")
        except ValueError:
            return None
        secret = secret.rstrip("\0")
    if token:
        username, secret = username or REFRESH_TOKEN_USER, token  # docker stores only Azure's refresh tokens so
    return Pasted(host, username, secret) if secret else None


def _text(entry: Mapping[str, object], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _host(text: str) -> str | None:
    """Read a host as docker's config writes it: with a scheme, or a path such as Docker Hub's `/v1/`."""
    bare = text.partition("://")[2] or text
    try:
        return parse_host(bare.partition("/")[0])
    except ReferenceInvalid:
        return None
