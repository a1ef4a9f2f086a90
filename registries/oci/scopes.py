"""Scopes of tokens: what a registry demands beyond the pull scope that is asked for first.

`type:name:actions`, several separated by blanks (distribution specification, token scope documentation).
"""

from __future__ import annotations

import re

from registries.oci import challenge

MAX_SCOPES = 4
MAX_LENGTH = 1024

_SCOPE = re.compile(r"([a-z]+(?:\([a-z]+\))?):([A-Za-z0-9][A-Za-z0-9._/:-]*):([A-Za-z0-9_*/,-]+)")
_WRITING = frozenset({"push", "delete", "*"})


def pull_scope(repository: str) -> str:
    """The scope for pulling from `repository`."""
    return f"repository:{repository}:pull"


def demanded(header: str) -> tuple[str, ...]:
    """Return the scopes that the Bearer challenge of a refused request names (RFC 6750, section 3); none where it says
    that something else than the scope was wrong."""
    for offer in challenge.parse(header):
        if offer.scheme == "bearer" and offer.parameters.get("error", "insufficient_scope") == "insufficient_scope":
            named = offer.parameters.get("scope", "")[:MAX_LENGTH].split()
            return tuple(dict.fromkeys(scope for scope in named if _SCOPE.fullmatch(scope)))[:MAX_SCOPES]
    return ()


def says_insufficient(header: str) -> bool:
    """Whether a challenge says in so many words that the scope was not enough."""
    return any(offer.parameters.get("error") == "insufficient_scope" for offer in challenge.parse(header))


def harmless(scopes: tuple[str, ...], repository: str) -> tuple[str, ...]:
    """Return what may be asked of a token service at another host than the registry's: to read this repository. The
    registry gets the token, and could use one for more at the service's own registry."""
    kept = []
    for scope in scopes:
        kind, name, actions = _SCOPE.fullmatch(scope).groups()  # type: ignore[union-attr]
        reading = [action for action in actions.split(",") if action and action not in _WRITING]
        if name == repository and reading:
            kept.append(f"{kind}:{name}:{','.join(reading)}")
    return tuple(kept)
