"""Mails with links for a new password, which a worker sends."""

from __future__ import annotations

from typing import cast

from django.http import HttpResponse
from django.test import Client

from portal.accounts import password_mails
from portal.models import PasswordMail

RESET = "/accounts/password/reset/"


def deliver() -> None:
    """Do what a worker does for the requests that wait."""
    for mail_id in PasswordMail.objects.waiting().values_list("pk", flat=True):
        password_mails.send(mail_id)


def ask_for_link(email: str) -> HttpResponse:
    """Ask for a link in another browser, and have a worker mail it; return the response of the page."""
    response = cast("HttpResponse", Client().post(RESET, {"email": email}))
    deliver()
    return response
