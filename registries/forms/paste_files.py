"""Logins in files that people paste whole: Kubernetes secrets, access keys of AWS, service account keys of Google, and
environment files.

Pure, and linear in the length of the text, which the caller limits. Text that can't be read raises nothing.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_PACKED = re.compile(
    r"""\.dockerc(?:onfigjson|fg)["']?\s{0,9}:\s{0,9}(?:[|>][-+]?\s{0,99})?["']?([A-Za-z0-9+/]{16,}={0,2}"""
    r"""(?:[ \t]{0,9}\r?\n[ \t]{1,99}[A-Za-z0-9+/]{1,200}={0,2}(?=[ \t]{0,9}(?:\r?\n|\Z)))*)"""
)
"""Base64, perhaps over several lines that have nothing else."""
_PLAIN = re.compile(r"""\.dockerc(?:onfigjson|fg)["']?\s{0,9}:\s{0,9}[|>]?[-+]?\s{0,99}['"]?\{""")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{24,}={0,2}\s*")
_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+|set[ \t]+|-[ \t]+)?["']?([A-Za-z][\w.]{0,60})["']?[ \t]*[=:][ \t]*"""
    r"(\S[^\r\n]{0,4096})",
    re.MULTILINE,
)
_AWS = {
    "aws_access_key_id": "access_key_id",
    "accesskeyid": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "secretaccesskey": "secret_access_key",
    "aws_session_token": "session_token",
    "sessiontoken": "session_token",
}
_ROLES = {
    "host": ("registry", "registry_host", "registry_url", "registry_server", "docker_registry", "ci_registry",
             "docker_server", "docker_host", "server"),
    "username": ("username", "user", "login", "docker_username", "docker_user", "docker_id", "registry_username",
                 "registry_user", "ci_registry_user", "cr_user", "github_actor", "quay_username"),
    "secret": ("password", "token", "docker_password", "docker_token", "docker_pat", "registry_password",
               "registry_token", "ci_registry_password", "cr_pat", "github_token", "ghcr_token", "quay_password"),
}  # fmt: skip


@dataclass(frozen=True)
class FileLogin:
    """A login as its file has it. `host` is not read yet and may be empty; `kind` is the kind of registry that the file
    is for, with its `values` by field name."""

    host: str = ""
    username: str = ""
    secret: str = field(default="", repr=False)
    kind: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)


def config_in(text: str) -> str:
    """Return the docker config in a Kubernetes secret (YAML), or in base64; empty if there is none."""
    plain = _PLAIN.search(text)
    if plain is not None:
        return text[plain.end() - 1 : text.rfind("}") + 1]
    packed = _PACKED.search(text)
    if packed is not None:
        return _unpacked(packed[1])
    return _unpacked(text) if _BASE64.fullmatch(text) else ""


def config_of_secret(document: Mapping[str, object]) -> str:
    """Return the docker config in a Kubernetes secret that is written as JSON; empty if there is none."""
    for part in (document.get("data"), document.get("stringData")):
        for name in (".dockerconfigjson", ".dockercfg"):
            value = part.get(name) if isinstance(part, Mapping) else None
            if isinstance(value, str):
                return value if value.lstrip().startswith("{") else _unpacked(value)
    return ""


def read(text: str) -> FileLogin | None:
    """Return the login in a key file, an environment file, or a `kubectl create secret docker-registry` command; None
    if there is none."""
    if text.startswith("{"):
        return _from_json(text)
    if text.startswith(("kubectl ", "$ kubectl ", "oc ")):
        return _from_kubectl(text)
    return _from_csv(text) or _from_lines(text)


def _unpacked(packed: str) -> str:
    try:
        text = base64.b64decode("".join(packed.split()), validate=True).decode("utf-8")
    except ValueError:
        return ""
    return text.strip() if text.lstrip().startswith("{") else ""


def _from_json(text: str) -> FileLogin | None:
    try:
        document = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    if document.get("type") == "service_account":
        return FileLogin(kind="google", values={"key": text})
    for part in (document, document.get("Credentials"), document.get("AccessKey")):
        if isinstance(part, dict):
            found = _of_aws((name, value) for name, value in part.items() if isinstance(value, str))
            if found is not None:
                return found
    return None


def _from_kubectl(text: str) -> FileLogin | None:
    try:
        words = shlex.split(text.replace("\\\r\n", " ").replace("\\\n", " "))
    except ValueError:
        return None
    if "docker-registry" not in words:
        return None
    given: dict[str, str] = {}
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        given[name] = value if equals else following
    username, secret = given.get("--docker-username", ""), given.get("--docker-password", "")
    host = given.get("--docker-server", "") or "docker.io"
    return FileLogin(host, username, "" if secret.startswith("$") else secret) if username or secret else None


def _from_csv(text: str) -> FileLogin | None:
    """The file that AWS offers once: a line of names, a line of values."""
    lines = [line.strip().strip("\ufeff") for line in text.splitlines()[:3]]
    if len(lines) < 2 or "," not in lines[0] or "," not in lines[1]:
        return None
    names = ["".join(name.split()).strip('"').lower() for name in lines[0].split(",")]
    values = [value.strip().strip('"') for value in lines[1].split(",")]
    return _of_aws(zip(names, values, strict=False))


def _from_lines(text: str) -> FileLogin | None:
    """`NAME=value` or `name: value` in each line: AWS's credentials, environment files, CI variables."""
    given: dict[str, str] = {}
    for line in _LINE.finditer(text):
        value = line[2].strip().removesuffix(",").strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        given.setdefault(line[1].lower(), "" if value.startswith("$") else value)
    if (found := _of_aws(given.items())) is not None:
        return found
    roles = {role: next((given[name] for name in names if given.get(name)), "") for role, names in _ROLES.items()}
    # A secret without a host may be a password that happens to look like a line.
    return FileLogin(roles["host"], roles["username"], roles["secret"]) if roles["secret"] and roles["host"] else None


def _of_aws(values: Iterable[tuple[str, str]]) -> FileLogin | None:
    found = {_AWS[name.lower()]: value for name, value in values if name.lower() in _AWS and value}
    return FileLogin(kind="ecr", values=found) if {"access_key_id", "secret_access_key"} <= found.keys() else None
