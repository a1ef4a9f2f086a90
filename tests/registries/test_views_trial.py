"""A new credential is tested on an image once, if whoever added it asked for that; and no copy of it is kept."""

from __future__ import annotations

from typing import Any

from django.test import Client

from registries.models import Credential
from tests.support.pulls import make_credential

NEW = "/o/acme/registries/new/?kind=self_hosted"
HOST = "registry.example.com"
TRIED = 'hx-trigger="load, submit"'
TYPED = {"host": HOST, "username": "robot", "password": "canary-7f3a-secret", "hold": "pull", "trial": "team/app:1.0"}


def test_it_is_tested_once(member: Client) -> None:
    receipt = member.post(NEW, TYPED)["Location"]

    assert [TRIED in member.get(receipt).text for _ in range(2)] == [True, False]


def test_a_link_starts_no_test(member: Client, acme: Any) -> None:
    row: Credential = make_credential(acme, HOST)
    page = member.get(f"/o/acme/registries/{row.pk}/?trial=team/app:1.0").text
    assert (HOST in page, TRIED in page) == (True, False)


def test_what_was_typed_is_in_no_cache_and_no_report(member: Client) -> None:
    refused = member.post(NEW, TYPED | {"host": ""})

    assert (refused.status_code, "no-store" in refused["Cache-Control"]) == (422, True)
    assert getattr(refused.wsgi_request, "sensitive_post_parameters", None) == "__ALL__"
