"""How tests ask the registry side, and what they read of its answers."""

from __future__ import annotations

from typing import Any

from groups.models import Redemption

NAME = "/v2/acme/default/app"


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else bytes(response.content)


def cut(response: Any) -> None:
    """Go away in the middle of it, as far as it came."""
    next(response._iterator, None)  # the test client's own wrapper, which leaves the database connection open
    response._iterator.close()


def refusals() -> list[str]:
    return list(Redemption.objects.filter(outcome="refused").order_by("pk").values_list("reason", flat=True))
