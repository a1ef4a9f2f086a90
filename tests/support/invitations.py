"""Invitations to Acme, as its owner makes them on the page."""

from __future__ import annotations

import re

from django.test import Client

MEMBERS = "/o/acme/settings/members/"
NINA = "nina@acme.example"
GOOD = "a long and good sentence"
"""A password that may be chosen."""


def link_in(text: str) -> str:
    """The path of the only invitation link in a text."""
    (path,) = set(re.findall(r"/invitations/dri_[\w-]{43}/", text))
    return str(path)


def invite(owner: Client, email: str = NINA, role: str = "member") -> str:
    """Invite by the page, and return the path of the link that it shows."""
    return link_in(owner.post(f"{MEMBERS}invite/", {"email": email, "role": role}).text)
