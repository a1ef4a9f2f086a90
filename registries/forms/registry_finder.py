"""Which registry a pasted text is about: an image, a web address, a host, or a login."""

from __future__ import annotations

from registries.forms.paste import read_image, read_login
from registries.oci.reference import DOCKER_HUB, ReferenceInvalid, names_host, parse, parse_host
from registries.providers import PROVIDERS, Provider
from registries.providers.recognise import recognise, recognise_image

MAX_TEXT_LENGTH = 4096


def find_registry(text: str) -> tuple[Provider, str] | None:
    """Return the kind of registry that `text` is about, and its canonical `host[:port]`, "" if only the kind is known.
    None if the text can't be read."""
    text = text.strip()
    if not text or len(text) > MAX_TEXT_LENGTH:
        return None
    if (login := read_login(text)) and (login.kind or login.host) and "*" not in login.host:
        return (PROVIDERS[login.kind], login.host) if login.kind else (recognise(login.host), login.host)
    named = read_image(text) or text
    try:
        if "/" not in named and ("." in named or ":" in named.removesuffix(":latest")):
            host = parse_host(named)
            return recognise(host), host
        image = parse(named.rstrip("/"))
    except ReferenceInvalid:
        return None
    return recognise_image(image), image.registry if names_host(named) else DOCKER_HUB
