"""How tests ask the registry side, and what they read of its answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from groups.actions.lifecycle import delete
from groups.delivery.tokens import EndReason, end
from groups.models import NodeToken, Redemption
from groups.rules.states import move
from registries.foundation.actor import CONSOLE

NAME = "/v2/acme/default/app"


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else bytes(response.content)


def cut(response: Any) -> None:
    """Go away in the middle of it, as far as it came."""
    next(response._iterator, None)  # the test client's own wrapper, which leaves the database connection open
    response._iterator.close()


def refusals() -> list[str]:
    return list(Redemption.objects.filter(outcome="refused").order_by("pk").values_list("reason", flat=True))


def over(how: str) -> None:
    """End the session, or what it is for."""
    token = NodeToken.objects.get()
    match how:
        case "ended":
            assert end([token], EndReason.REVOKED) == 1
        case "expired":
            NodeToken.objects.update(session_expires_at=timezone.now() - timedelta(seconds=1))
        case "stopping":
            assert token.instance is not None
            move(token.instance, to="stopping")
        case "instance gone":
            assert token.instance is not None
            token.instance.delete()
        case "node removed":
            assert token.node is not None
            token.node.status = "removed"
            token.node.save()
        case "image gone":
            assert token.group is not None
            delete(token.group, by=CONSOLE)
