"""Mail about conversations, sent after the action is committed: questions to support, answers to members."""

from __future__ import annotations

from django.conf import settings
from django.db.models.functions import Now
from django.urls import reverse

from portal.mail import sending
from portal.models import SupportMessage, SupportRequest, User


def mail_question(request: SupportRequest, text: str, *, author: User, again: bool) -> None:
    """Mail support what a member wrote, if the portal sends mail. The desk shows it in any case."""
    desk = f"{settings.PORTAL_PUBLIC_URL}{reverse('desk:case', args=['request', request.pk])}"
    context = {"asked": request, "text": text, "by": author, "again": again, "link": desk}
    sending.send("support_asked", settings.PORTAL_SUPPORT_EMAIL, context)


def mail_answer(request: SupportRequest, answer: SupportMessage) -> list[str]:
    """Mail an answer to the members who wrote in the conversation and are still in the organization. Returns the
    addresses that it went to."""
    members = request.organization.memberships.values("user")
    readers = request.readers.filter(person__is_active=True, person__in=members).select_related("person")
    question = request.messages.filter(side=SupportMessage.Side.MEMBER).first()
    address = reverse("portal:conversation", args=[request.organization.slug, request.pk])
    context = {
        "asked": request,
        "question": question.text if question else "",
        "text": answer.text,
        "waits": answer.state == SupportRequest.State.WAITING,
        "link": f"{settings.PORTAL_PUBLIC_URL}{address}",
    }
    people = [reader.person.email for reader in readers]
    mailed = [person for person in people if sending.send("support_answer", person, context) is sending.Outcome.SENT]
    if mailed:
        SupportMessage.objects.filter(pk=answer.pk).update(mailed_at=Now())
    return mailed
