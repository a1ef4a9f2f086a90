"""The messages that a response leaves for the next page."""

from __future__ import annotations

from typing import Any

from django.contrib.messages import get_messages


def messages_of(response: Any) -> list[str]:
    """Oldest first; those of earlier responses in the same browser included, if no page has shown them."""
    return [str(message) for message in get_messages(response.wsgi_request)]
