"""The last message of a conversation, for lists and for naming the message that an answer was written to."""

from __future__ import annotations

from django.db.models import OuterRef, Subquery

from portal.models import SupportMessage, SupportRequest


def last_text(side: str = "") -> Subquery:
    """For a query of requests: the newest text, of either side or of one."""
    messages = SupportMessage.objects.filter(request=OuterRef("pk")).exclude(text="")
    return Subquery((messages.filter(side=side) if side else messages).order_by("-pk").values("text")[:1])


def last_message_key(request: SupportRequest) -> str:
    """The key of the newest message, empty where there is none. An answer names the message that it was written to."""
    last = request.messages.order_by("-pk").values_list("pk", flat=True).first()
    return str(last or "")
