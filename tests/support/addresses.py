"""Every address that the URLconf knows, by name, so that what must hold of each page can pass none over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Address:
    """One pattern: its name with its namespaces, or its route where it has none, and what varies in it."""

    name: str
    varies: tuple[str, ...]


def addresses() -> dict[str, Address]:
    """Return them by name. One that is hidden by another of the same name is never reached, and left out."""
    found: dict[str, Address] = {}
    for address in _walk(get_resolver(), Address("", ()), ()):
        found.setdefault(address.name, address)
    return found


def _walk(resolver: URLResolver, above: Address, namespaces: tuple[str, ...]) -> Iterator[Address]:
    """Yield what is below a resolver; `above` is the route to it."""
    for entry in resolver.url_patterns:
        pattern: Any = entry.pattern
        here = Address(f"{above.name}{pattern}", (*above.varies, *pattern.regex.groupindex))
        if isinstance(entry, URLPattern):
            yield Address(":".join((*namespaces, entry.name)), here.varies) if entry.name else here
        else:
            yield from _walk(entry, here, (*namespaces, entry.namespace) if entry.namespace else namespaces)
