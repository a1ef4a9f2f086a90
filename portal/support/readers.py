"""The members who read a conversation, and which of them have an answer that they haven't opened."""

from __future__ import annotations

from django.db.models import QuerySet

from portal.models import SupportReader, SupportRequest, User
from registries.foundation.ids import OrganizationId, UserId


def add_reader(request: SupportRequest, person_id: UserId | None) -> None:
    """Notify this person of answers from now on."""
    if person_id is not None:
        SupportReader.objects.get_or_create(request=request, person_id=person_id)


def mark_unread(request: SupportRequest) -> None:
    """Note for all readers that there is an answer."""
    SupportReader.objects.filter(request=request).update(unread=True)


def mark_read(request: SupportRequest, person: User) -> None:
    """Note that this person has opened the conversation."""
    SupportReader.objects.filter(request=request, person=person, unread=True).update(unread=False)


def unread(organization_id: OrganizationId, person: User) -> QuerySet[SupportRequest]:
    """Conversations of the organization with an answer that this person hasn't opened."""
    rows = SupportReader.objects.filter(person=person, unread=True, request__organization=organization_id)
    return SupportRequest.objects.filter(pk__in=rows.values("request"))
