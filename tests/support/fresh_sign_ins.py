"""A browser whose person has proved who they are, now or some time ago."""

from __future__ import annotations

import time
from typing import Any

from django.test import Client


def signed_in(person: Any, browser: Client | None = None, *, ago: float = 0) -> Client:
    """Sign in without the page, in this browser or a new one, as if the password was entered `ago` seconds ago."""
    browser = browser or Client()
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    prove(person, browser, ago=ago)
    return browser


def prove(person: Any, browser: Client, *, ago: float = 0) -> None:
    """Note in the browser's session when the password was entered."""
    session = browser.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time() - ago, "email": person.email},
    ]
    session["account_authentication_methods_user"] = str(person.pk)
    session.save()
