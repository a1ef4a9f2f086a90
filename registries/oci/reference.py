"""Reads image references and registry hosts as people type them.

`parse` follows the grammar of distribution/reference, as Docker clients do. It repairs nothing, so pages show what was
typed. It looks no names up: `registries.oci.address_guard` decides whether a host may be connected to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna

DOCKER_HUB = "docker.io"
DOCKER_HUB_API = "registry-1.docker.io"
_HUB_NAMES = frozenset({DOCKER_HUB, DOCKER_HUB_API, "index.docker.io", "registry.hub.docker.com"})

MAX_REFERENCE_LENGTH = 512
MAX_NAME_LENGTH = 255  # host and repository together, as in distribution/reference

_LETTERS = re.compile(r"[A-Za-z0-9._:/@\[\]-]+")
_COMPONENT = re.compile(r"[a-z0-9]++(?:(?:\.|__?|-++)[a-z0-9]++)*+")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class ReferenceInvalid(ValueError):
    """A reference or host can't be read. `code` is stable; `message` is one sentence that names the fix."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Reference:
    """An image as named: `registry` is a lower-case `host[:port]`, `digest` is `sha256:<64 hex>`."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def api_host(self) -> str:
        """The host to connect to: Docker Hub's API has another host name than its images."""
        return api_host(self.registry)

    @property
    def version(self) -> str:
        """What to request from the registry: the digest if there is one, else the tag."""
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def api_host(registry: str) -> str:
    """Return the host to connect to for the images of `registry`."""
    return DOCKER_HUB_API if registry in _HUB_NAMES else registry


def is_digest(text: str) -> bool:
    return _DIGEST.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


def is_repository(text: str) -> bool:
    return len(text) <= MAX_NAME_LENGTH and all(_COMPONENT.fullmatch(part) for part in text.split("/"))


def names_host(text: str) -> bool:
    """Whether an image's name begins with a registry's host, by docker's rule."""
    first, slash, _ = text.partition("/")
    return bool(slash) and ("." in first or ":" in first or first.lower() == "localhost")


def parse(text: str) -> Reference:
    """Read `[host[:port]/]repository[:tag][@digest]`.

    No host means Docker Hub, where a name of one part gets `library/`; neither tag nor digest means
    `latest`. Linear in the length of `text`, which is bounded. Raises `ReferenceInvalid`.
    """
    _check_letters(text)
    named, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise ReferenceInvalid(
            "reference_digest", "After @ comes sha256: and 64 hexadecimal digits in lower case, nothing else."
        )
    if names_host(named):
        first, _, path = named.partition("/")
        registry = _registry(first)
        if not names_host(f"{registry}/"):  # `g./app`: without its dot it would read as another image
            raise ReferenceInvalid(
                "host_invalid", "A registry's host name has a dot inside or a port, such as registry.example.com."
            )
    else:
        registry, path = DOCKER_HUB, named
    repository, colon, tag = path.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise ReferenceInvalid(
            "reference_tag",
            "A tag has at most 128 letters, digits, dots, underscores and dashes, and does not start with a "
            "dot or a dash.",
        )
    if len(registry) + 1 + len(repository) > MAX_NAME_LENGTH:
        raise ReferenceInvalid(
            "reference_long", f"Host and repository together are at most {MAX_NAME_LENGTH} characters."
        )
    _check_repository(repository)
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(registry, repository, tag or (None if digest else "latest"), digest or None)


def parse_host(text: str) -> str:
    """Read a registry's `host[:port]` as typed with a credential, and return it in its one canonical form.

    Lower case, without the trailing dot; names in other scripts become punycode; Docker Hub's names become
    `docker.io`. Raises `ReferenceInvalid`.
    """
    if not text.strip():
        raise ReferenceInvalid("host_empty", "Enter the registry's host name, such as registry.example.com.")
    if "://" in text:
        raise ReferenceInvalid("host_scheme", "Leave out https:// and enter the host name alone.")
    if "/" in text or "\\" in text:
        raise ReferenceInvalid(
            "host_path", "Leave out everything from the first slash: only the host name counts here."
        )
    if "@" in text:
        raise ReferenceInvalid("host_user", "Leave out the user name before @: it has a field of its own.")
    if any(sign.isspace() or not sign.isprintable() for sign in text):
        raise ReferenceInvalid("host_blank", "Remove blanks and invisible characters from the host name.")
    if not text.isascii():
        text = _punycode(text)
    return _registry(text)


def _check_letters(text: str) -> None:
    if not text.strip():
        raise ReferenceInvalid("reference_empty", "Enter an image, such as registry.example.com/team/app:1.0.")
    if len(text) > MAX_REFERENCE_LENGTH:
        raise ReferenceInvalid("reference_long", "This is too long for an image reference; enter its name alone.")
    if "://" in text:
        raise ReferenceInvalid("reference_scheme", "Leave out http:// or https:// and begin with the host name.")
    if any(sign.isspace() for sign in text):
        raise ReferenceInvalid("reference_blank", "Remove the blanks and line breaks: an image reference has none.")
    if not _LETTERS.fullmatch(text):
        raise ReferenceInvalid(
            "reference_character",
            "An image reference has only plain letters, digits and . _ - / : @. Type it without other characters.",
        )


def _check_repository(repository: str) -> None:
    if repository != repository.lower():
        raise ReferenceInvalid("reference_case", "A repository has no capital letters: write it in lower case.")
    if not is_repository(repository):
        raise ReferenceInvalid(
            "reference_repository",
            "A repository is made of lower-case letters and digits, with single . _ - between them and single "
            "slashes between its parts; check its spelling.",
        )


def _registry(text: str) -> str:
    host = _host(text)
    return DOCKER_HUB if host in _HUB_NAMES else host


def _host(text: str) -> str:
    """Return `host[:port]` in lower case without trailing dot. Raises `ReferenceInvalid`."""
    lowered = text.lower()
    if lowered.startswith("["):
        name, bracket, port = lowered.partition("]")
        name, colon, port = f"{name}{bracket}", port[:1], port[1:]
        is_valid = bracket == "]" and colon in ("", ":") and _is_ipv6(name[1:-1])
    else:
        name, colon, port = lowered.partition(":")
        name = name.removesuffix(".")
        is_valid = len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split("."))
    if not is_valid:
        raise ReferenceInvalid(
            "host_invalid",
            "The registry's host name is not valid; it looks like registry.example.com or registry.example.com:5000.",
        )
    if colon and not (_PORT.fullmatch(port) and int(port) <= 65535):
        raise ReferenceInvalid("host_port", "After the host's colon comes a port between 1 and 65535.")
    if is_ambiguous_ipv4(name):
        raise ReferenceInvalid(
            "host_not_allowed", "Write the registry's host by its name, or its address as four decimal numbers."
        )
    return f"{name}:{port}" if colon else name


def is_ambiguous_ipv4(name: str) -> bool:
    """Whether resolvers read `name` as an IPv4 address although it isn't a dotted quad: `127.1`, `0x7f000001`."""
    if not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return False
    try:
        IPv4Address(name)
    except AddressValueError:
        return True
    return False


def _is_ipv6(text: str) -> bool:
    try:
        return IPv6Address(text).scope_id is None
    except AddressValueError:
        return False


def _punycode(text: str) -> str:
    """Convert the labels of an international name to ASCII. Full-width digits and dots are refused, not converted."""
    name, colon, port = text.partition(":")
    try:
        labels = [label if label.isascii() else idna.alabel(label.lower()).decode("ascii") for label in name.split(".")]
    except idna.IDNAError:
        raise ReferenceInvalid(
            "host_invalid", "The registry's host name holds characters that no host name has; type it again."
        ) from None
    return f"{'.'.join(labels)}{colon}{port}"
