"""Operators sign people out everywhere."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from portal.models import Organization, User
from tests.support.fresh_sign_ins import signed_in
from tests.support.sign_ins import actions_of

pytestmark = pytest.mark.django_db
PEOPLE = "/admin/portal/user/"


def chosen(person: User, **more: str) -> dict[str, Any]:
    return {"action": "end_sessions", "_selected_action": [str(person.pk)], **more}


def test_asks_first(member: Client, bob: User, operator: Client) -> None:
    page = operator.post(PEOPLE, chosen(bob)).content.decode()
    assert "Sign these people out everywhere?" in page
    assert member.get("/o/acme/").status_code == 200


def test_every_session_ends_and_it_is_recorded(member: Client, bob: User, operator: Client, acme: Organization) -> None:
    elsewhere = signed_in(bob)
    operator.post(PEOPLE, chosen(bob, confirmed="yes"))
    assert [browser.get("/o/acme/").status_code for browser in (member, elsewhere)] == [302, 302]
    assert actions_of(acme)[-1] == actions_of(None)[-1] == "account.sessions_ended"


def test_support_does_not(member: Client, bob: User, support: Client) -> None:
    support.post(PEOPLE, chosen(bob, confirmed="yes"))
    assert member.get("/o/acme/").status_code == 200
