"""Which registry a pasted text is about: an image, a web address, a host, or a login."""

from __future__ import annotations

import re

from registries.forms.paste import read_image, read_login
from registries.foundation.secret_shapes import find_secret
from registries.oci.reference import DOCKER_HUB, ReferenceInvalid, names_host, parse, parse_host
from registries.providers import PROVIDERS, Provider
from registries.providers.recognise import recognise, recognise_image

MAX_TEXT_LENGTH = 4096
_SITES = (
    (r"(?:hub|store)\.docker\.com", "docker_hub"),
    (r"(?:www\.)?github\.com", "ghcr"),
    (r"(?:www\.)?gitlab\.com", "gitlab"),
    (r"www\.quay\.io", "quay"),
    (r"(?:[\w-]+\.)*console\.(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)", "ecr"),
    (r"console\.cloud\.google\.com", "google"),
    (r"(?:[\w-]+\.)*portal\.azure\.(?:com|cn|us)", "acr"),
    (r"cloud\.digitalocean\.com", "digitalocean"),
    (r"console\.scaleway\.com", "scaleway"),
    (r"cloud\.oracle\.com", "ocir"),
    (r"(?:[\w-]+\.)*console\.aliyun\.com", "alibaba"),
    (r"(?:app\.)?cloudsmith\.(?:io|com)", "cloudsmith"),
)
"""Sites of the services, where their registries are not."""
_ADDRESS = re.compile(r"(?i)https?://([^/?#\s]+)\S*")


def find_registry(text: str) -> tuple[Provider, str] | None:
    """Return the kind of registry that `text` is about, and its canonical `host[:port]`, "" if only the kind is known.
    None if the text can't be read, or may be a secret: what is found goes into an address."""
    text = text.strip()
    if not text or len(text) > MAX_TEXT_LENGTH:
        return None
    if (login := read_login(text)) and (login.kind or login.host) and "*" not in login.host:
        return (PROVIDERS[login.kind], login.host) if login.kind else (recognise(login.host), login.host)
    named = read_image(text) or text
    if find_secret(named, likely="/" not in named):
        return None
    try:
        if "/" not in named and names_host(f"{named}/") and "." in named.partition(":")[0]:
            host = parse_host(named)
            return recognise(host), host
        image = parse(named.rstrip("/"))
    except ReferenceInvalid:
        return _find_site(text)
    return recognise_image(image), image.registry if names_host(named) else DOCKER_HUB


def _find_site(text: str) -> tuple[Provider, str] | None:
    """Return the registry of a web page that names no image: its host, or only the kind where it is a service's site.
    None if the text is no web address."""
    address = _ADDRESS.fullmatch(text)
    if address is None:
        return None
    try:
        host = parse_host(address[1])
    except ReferenceInvalid:
        return None
    kind = next((kind for pattern, kind in _SITES if re.fullmatch(pattern, host)), "")
    return (PROVIDERS[kind], PROVIDERS[kind].shared_host) if kind else (recognise(host), host)
