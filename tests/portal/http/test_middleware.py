"""Requests that reach no view. Roles and strangers are in `test_permissions`."""

from __future__ import annotations

from typing import Any

from django.test import Client

GROUPS = "/o/acme/default/groups/"


def test_signed_out_leads_to_signing_in_and_back(acme: Any) -> None:
    answer = Client().get(GROUPS)
    assert answer["Location"] == f"/accounts/login/?next={GROUPS}"


def test_a_live_part_of_a_page_reloads_the_page_when_signed_out(acme: Any) -> None:
    answer = Client().get(f"{GROUPS}-/rows/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Refresh"]) == (200, "true")
    assert answer.content == b""
