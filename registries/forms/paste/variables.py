"""Logins in lines of names and values: AWS's credentials file, environment files, variables of CI, YAML."""

from __future__ import annotations

import re

from registries.forms.paste.key_files import of_aws
from registries.forms.paste.login import Pasted, Reading, read_scope

_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+|set[ \t]+|-[ \t]+)?["']?([A-Za-z][\w.]{0,60})["']?[ \t]*[=:][ \t]*"""
    r"(\S[^\r\n]{0,4096})",
    re.MULTILINE,
)
_ROLES = {
    "host": ("registry", "registry_host", "registry_url", "registry_server", "docker_registry", "ci_registry",
             "docker_server", "docker_host", "server", "serveraddress"),
    "username": ("username", "user", "login", "docker_username", "docker_user", "docker_id", "registry_username",
                 "registry_user", "ci_registry_user", "ci_deploy_user", "cr_user", "github_actor", "quay_username"),
    "secret": ("password", "token", "docker_password", "docker_token", "docker_pat", "registry_password",
               "registry_token", "ci_registry_password", "ci_deploy_password", "cr_pat", "github_token", "ghcr_token",
               "quay_password"),
}  # fmt: skip
_QUOTED = re.compile(r"""(['"])(.*?)\1[ ,;]*(?:#.*)?""")
_VARIABLE = re.compile(r"\$[A-Za-z_{(]|\{\{|%[A-Za-z_]\w*%")

VARIABLE = "The password in these lines is or has a variable, whose value isn't in them. Enter the password itself."


def read(text: str) -> Reading:
    """Return the login in `NAME=value` or `name: value` in each line."""
    given: dict[str, str | None] = {}
    for line in _LINE.finditer(text):
        given.setdefault(line[1].lower(), _value(line[2].strip()))
    if (login := of_aws((name, value) for name, value in given.items() if value)) is not None:
        return Reading(logins=(login,))
    found = {role: next((name for name in names if name in given), "") for role, names in _ROLES.items()}
    host, username, secret = (given.get(found[role]) or "" for role in ("host", "username", "secret"))
    # A secret without a host may be a password that happens to look like a line.
    scope = read_scope(host) if host and found["secret"] else None
    if scope is None or not (secret or (username and given[found["secret"]] is None)):
        return Reading()
    note = "" if secret else VARIABLE
    return Reading(logins=(Pasted(scope[0], username, secret, path=scope[1], note=note),))


def _value(text: str) -> str | None:
    """Return a value without its quotes and the comment after it; None if it has a variable."""
    if quoted := _QUOTED.fullmatch(text):
        sign, text = quoted.groups()
        return text if sign == "'" or not _VARIABLE.search(text) else None
    text = re.sub(r"\s#.*", "", text).strip().removesuffix(",").strip()
    return None if _VARIABLE.search(text) else text
