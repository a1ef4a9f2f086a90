"""The names of all addresses of the portal, from its URL map."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver


def url_names() -> dict[str, str]:
    """Return each name with the pattern of its address. One without a name has its pattern as the name."""
    return dict(_names(get_resolver(), "", ""))


def _names(resolver: URLResolver, prefix: str, namespace: str) -> Iterator[tuple[str, str]]:
    for entry in resolver.url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _names(entry, pattern, namespace + (f"{entry.namespace}:" if entry.namespace else ""))
        elif isinstance(entry, URLPattern):
            yield (f"{namespace}{entry.name}" if entry.name else pattern), pattern
