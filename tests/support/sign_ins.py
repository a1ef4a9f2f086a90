"""Signing in on the page, and what is recorded of it."""

from __future__ import annotations

from typing import Any

from django.test import Client

from portal.models import Activity
from tests.conftest import PASSWORD
from tests.support.second_factors import second_step

LOGIN = "/accounts/login/"


def sign_in(person: Any, password: str = PASSWORD, browser: Client | None = None) -> Client:
    """Sign in with a password, in this browser or a new one; return it. Operators and support enter a code too."""
    browser = browser or Client()
    response = browser.post(LOGIN, {"login": person.email, "password": password})
    if person.is_staff:
        second_step(browser, response)
    return browser


def actions_of(organization: Any) -> list[str]:
    """The actions in an organization's chain, oldest first; None is the portal's."""
    rows = Activity.objects.filter(organization=organization).order_by("number")
    return list(rows.values_list("action", flat=True))
