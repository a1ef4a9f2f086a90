"""A login as it was read from a paste, and what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from registries.foundation.secret_shapes import find_secret
from registries.oci.reference import ReferenceInvalid, is_repository, parse_host
from registries.providers.recognise import recognise


@dataclass(frozen=True)
class Pasted:
    """A login.

    `host` is canonical, or a pattern such as `*.azurecr.io`, as Kubernetes reads it. `path` is the part of the host's
    repositories that it is for, empty for all. `secret` is empty if the text only refers to it; `note` then says so in
    a sentence. Files of a cloud name no host: for them `host` is empty, `kind` is the kind of registry, and `values`
    are by field name. Both are empty for a file that names neither.
    """

    host: str
    username: str = ""
    secret: str = field(default="", repr=False)
    kind: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    path: str = ""
    note: str = field(default="", compare=False)
    title: str = field(default="", compare=False)

    @property
    def scope(self) -> str:
        """The host with the path, as config files write it."""
        return f"{self.host}/{self.path}" if self.path else self.host

    @property
    def label(self) -> str:
        """What it is for and of whom, for people to choose by. What looks like a secret is left out of it."""
        titled, user = (text[:80] if text.isprintable() and find_secret(text) is None else ""
                        for text in (self.title, self.username))  # fmt: skip
        place = self.scope or titled or "any host"
        return f"{place}, user {user}" if user else place

    def is_for(self, host: str, repository: str = "") -> bool:
        """Whether it is for this canonical host and, if one is given, for this repository there."""
        if self.host and not _matches(self.host, host):
            return False
        return not repository or not self.path or f"{repository}/".startswith(f"{self.path}/")

    def at(self, host: str) -> Pasted:
        """Return it for one of the hosts that it is for."""
        return replace(self, host=host) if self.host and self.is_for(host) else self


@dataclass(frozen=True)
class Reading:
    """What a paste holds: its logins, and the scopes of which it has no secret (`Pasted` with a note). `problem` says
    in a sentence why a text that was recognized has no login."""

    logins: tuple[Pasted, ...] = ()
    absent: tuple[Pasted, ...] = ()
    problem: str = ""

    def __add__(self, other: Reading) -> Reading:
        return Reading(self.logins + other.logins, self.absent + other.absent, self.problem or other.problem)

    @property
    def is_recognized(self) -> bool:
        """Whether the text is a login of some kind, usable or not."""
        return bool(self.logins or self.absent or self.problem)


def without_short_lived(login: Pasted) -> Pasted:
    """Return the login without a secret that can't be used: AWS's password for docker is over after 12 hours."""
    if login.username != "AWS" or not login.host or recognise(login.host).kind != "ecr":
        return login
    return replace(login, secret="", note=OF_AWS)


OF_AWS = (
    "The password that aws ecr makes for docker lasts 12 hours. Enter the access key that it is made with instead: we "
    "ask for a password at each pull."
)


def read_scope(text: str, *, has_path: bool = True) -> tuple[str, str] | None:
    """Return host and path of a key of docker's config: perhaps with a scheme, with the version of an API (Docker Hub's
    `/v1/`) or a path after the host. Without `has_path` everything after the host is left out, as docker login does.
    None if it can't be read."""
    scheme, separator, rest = text.strip().partition("://")
    bare, _, path = (rest if separator else scheme).partition("/")
    name, colon, port = bare.partition(":")
    try:
        if "*" in bare:  # the labels between dots may be patterns
            host = parse_host(bare.replace("*", "x")) and bare.lower()
        else:
            is_default = separator and port == {"https": "443", "http": "80"}.get(scheme.lower())
            host = parse_host(name if colon and is_default else bare)
    except ReferenceInvalid:
        return None
    path = path.strip("/").partition("?")[0]
    for version in ("v1", "v2"):
        path = path.removeprefix(version).lstrip("/") if f"{path}/".startswith(f"{version}/") else path
    if not has_path or not path:
        return host, ""
    return (host, path) if is_repository(path) and find_secret(path, likely=False) is None else None


def _matches(pattern: str, host: str) -> bool:
    pattern, host = pattern.removesuffix(":443"), host.removesuffix(":443")
    if "*" not in pattern:
        return pattern == host
    labels, wanted = pattern.split("."), host.split(".")
    plain = all(set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789-*:") for label in labels)
    return plain and len(labels) == len(wanted) and all(map(fnmatchcase, wanted, labels))
