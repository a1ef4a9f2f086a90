"""Links in mails. They lead to `PORTAL_PUBLIC_URL` whatever host a request named: anybody can ask for a mail to
somebody else, with a Host header of their choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings


@dataclass(frozen=True)
class PublicSite:
    """What mails call the portal; has the attributes of a site of Django's."""

    domain: str
    name: str


def public_link(address: str) -> str:
    """Return path and query of an address on this portal as a link of its public address."""
    parts = urlsplit(address)
    return f"{settings.PORTAL_PUBLIC_URL}{parts._replace(scheme='', netloc='').geturl()}"


def with_public_links(context: Mapping[str, object]) -> dict[str, object]:
    """Return the context of a mail of allauth's with its links (`…_url`) and site as they are in mails."""
    host = urlsplit(settings.PORTAL_PUBLIC_URL).netloc
    links = {
        name: public_link(value)
        for name, value in context.items()
        if name.endswith("_url") and isinstance(value, str) and value
    }
    return {**context, **links, "current_site": PublicSite(host, host)}
