"""Logins in lines of names and values: environment files, variables of CI, YAML of Helm, Ansible, GitHub and k3s, TOML
of containerd, HCL of Terraform and Nomad, AWS's credentials file.

Host, user and secret are taken from the same block, and from names with the same beginning (`ACR_USERNAME` goes with
`ACR_PASSWORD`): another password of the file is another service's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from registries.forms.paste import config_file
from registries.forms.paste.blocks import Block, read_blocks
from registries.forms.paste.key_files import of_aws
from registries.forms.paste.login import Pasted, Reading, read_scope
from registries.oci.reference import DOCKER_HUB

_HOST = re.compile(
    r"(?:(.+)_)?(?:registry|host|hostname|url|server|server_?address|address|login_?server|endpoint|registry_?url)"
)
_USER = re.compile(r"(?:(.+)_)?(?:username|user_name|user|login|id|account|actor|robot)")
_SECRET = re.compile(r"(?:(.+)_)?(?:password|passwd|pass|pwd|token|pat|access_token|secret|api_key|apikey|auth_token)")
_OF_A_REGISTRY = re.compile(
    r"docker|registry|registries|container|image|(?:^|_)cr$|(?:^|_)(?:acr|ghcr|ecr|gar|gcr|ocir|scr)(?:_|$)|github|gitlab"
    r"|^ci(?:_deploy)?$|quay|harbor|nexus|artifactory|jfrog|gitea|forgejo|scaleway|scw|cloudsmith|digitalocean|kamal",
    re.IGNORECASE,
)
_KNOWN_HOSTS = {
    "dockerhub": DOCKER_HUB, "docker_hub": DOCKER_HUB, "ghcr": "ghcr.io", "cr": "ghcr.io", "quay": "quay.io",
}  # fmt: skip
_OTHER_HOSTS = {"ci_deploy": "ci_registry", "ci_job": "ci_registry"}
"""By the beginning of names, that of the host's name where it is another one: GitLab's variables."""
_FOR_DOCKER_HUB = re.compile(r"docker/login-action\b|docker_login\b|\bDocker@")
"""Steps that log in to Docker Hub if they name no registry."""
_MAX_LONE_NAMES = 4

VARIABLE = "The password in these lines is or has a variable, whose value isn't in them. Enter the password itself."


@dataclass(frozen=True)
class _Found:
    """A secret of a block, the beginning of its name, and the user name that goes with it: one with the same beginning,
    or the only one of the block."""

    start: str
    secret: str | None
    user: str | None = None
    has_user: bool = False
    has_own_user: bool = False


def read(text: str) -> Reading:
    """Return the logins in `NAME=value` or `name: value` in each line."""
    blocks = read_blocks(text)
    reading = Reading()
    for block in blocks:
        given = [(name, value) for name, value in block.values.items() if value]
        if (login := of_aws(given)) is not None:
            reading += Reading(logins=(replace(login, title=block.key),))
        else:
            reading += _of_block(block, is_alone=len(blocks) == 1)
    return reading


def _of_block(block: Block, *, is_alone: bool) -> Reading:
    place = _place_of(block)
    if place is not None and {"auth", "authorization", "identitytoken"} & block.values.keys():
        return config_file.read_entry(*place, _entry_of(block.values))
    found = list(_secrets(block.values))
    complete = [one for one in found if one.has_own_user] or [one for one in found if one.has_user]
    reading = Reading()
    for one in complete or found:
        scope = _host_for(one, block) or place or _usual_host(one, block)
        is_meant = is_alone and one.has_user and len(block.values) <= _MAX_LONE_NAMES
        if scope is None and one.has_user and (is_meant or _is_of_registry(one, block)):
            scope = ("", "")
        # A secret without a host and a user may be a password that happens to look like a line.
        if scope is None or not (one.secret or one.secret is None):
            continue
        note = VARIABLE if one.secret is None else ""
        login = Pasted(scope[0], one.user or "", one.secret or "", path=scope[1], note=note)
        reading += Reading(logins=(login,))
    return reading


def _secrets(values: Mapping[str, str | None]) -> Iterator[_Found]:
    """Return the secrets in a block that may be a registry's, each with the user name that goes with it."""
    users = {match[1] or "": value for name, value in values.items() if (match := _USER.fullmatch(name))}
    for name, value in values.items():
        match = _SECRET.fullmatch(name)
        start = match[1] or "" if match else ""
        if match is None or (start and not _OF_A_REGISTRY.search(start)):
            continue
        if start in users:
            yield _Found(start, value, users[start], has_user=True, has_own_user=True)
        elif len(users) == 1:
            yield _Found(start, value, next(iter(users.values())), has_user=True)
        else:
            yield _Found(start, value)


def _host_for(one: _Found, block: Block) -> tuple[str, str] | None:
    """Return the host that is named with a secret, or the only one of the block."""
    hosts: dict[str, tuple[str, str]] = {}
    for name, value in block.values.items():
        match = _HOST.fullmatch(name)
        scope = read_scope(value) if match and value else None
        if match and scope and _has_domain(scope[0]):
            hosts.setdefault(name, scope)
            hosts.setdefault(match[1] or "", scope)
    start = _OTHER_HOSTS.get(one.start, one.start)
    if start in hosts:
        return hosts[start]
    return next(iter(hosts.values())) if len(set(hosts.values())) == 1 else None


def _place_of(block: Block) -> tuple[str, str] | None:
    """Return the host in the key of a block, or of the one above it if this is its login."""
    keys = [block.key]
    if block.above is not None and block.key.lower() in ("auth", "header", "basic_auth"):
        keys.append(block.above.key)
    scopes = [scope for key in keys if (scope := read_scope(key)) is not None and _has_domain(scope[0])]
    return scopes[0] if scopes else None


def _usual_host(one: _Found, block: Block) -> tuple[str, str] | None:
    around = block.above.values if block.above is not None else {}
    texts = [block.key, *(value for value in around.values() if value)]
    if any(_FOR_DOCKER_HUB.search(text) for text in texts):
        return DOCKER_HUB, ""
    known = _KNOWN_HOSTS.get(one.start)
    return (known, "") if known else None


def _is_of_registry(one: _Found, block: Block) -> bool:
    return _OF_A_REGISTRY.search(one.start or block.key) is not None


def _entry_of(values: Mapping[str, str | None]) -> dict[str, str]:
    """Return an entry as in docker's config; of a header the value that is a login."""
    given = {name: value for name, value in values.items() if value}
    scheme, _, packed = given.pop("authorization", "").strip("[]\"' ").partition(" ")
    if packed:
        given |= {"auth": packed.strip()} if scheme.lower() == "basic" else {"registrytoken": packed}
    return given


def _has_domain(host: str) -> bool:
    return "." in host or ":" in host
