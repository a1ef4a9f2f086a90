"""A conversation with support: where its pages are, and what both sides write."""

from __future__ import annotations

from typing import Any

import pytest

from groups.models import Failure
from portal.models import Organization, SupportRequest
from portal.support import conversations
from portal.support.mails import mail_answer
from portal.support.queries import last_message_key
from tests.support.actors import acting
from tests.support.pulls import make_credential, make_group

SUPPORT = "/o/acme/support/"
ASK = f"{SUPPORT}ask/"
WANTS_REGISTRY = f"{ASK}?kind=registry"


def failure_of(organization: Organization) -> Failure:
    credential = make_credential(organization, "registry.example.com")
    group = make_group(organization.projects.get(), "registry.example.com/team/app:1", credential=credential)
    return Failure.objects.create(
        organization=organization,
        group=group,
        group_name=group.name,
        reference="registry.example.com/team/app:1",
        registry="registry.example.com",
        step="authenticate",
        code="authentication_failed",
        params={"host": "registry.example.com"},
    )


def at(talk: SupportRequest) -> str:
    return f"{SUPPORT}{talk.pk}/"


def said(talk: SupportRequest) -> list[tuple[str, Any, str]]:
    return [(message.side, message.author, message.text) for message in talk.messages.all()]


def answer(person: Any, talk: SupportRequest, text: str, *, to: str = "solved") -> None:
    """As support does at the desk."""
    message = conversations.answer(talk, by=acting(person), was=last_message_key(talk), text=text, to=to)
    if message is not None:
        mail_answer(talk, message)


@pytest.fixture
def talk(acme: Any, bob: Any) -> SupportRequest:
    """What bob asked."""
    return conversations.ask(acme, by=acting(bob), kind="other", message="Why?")
