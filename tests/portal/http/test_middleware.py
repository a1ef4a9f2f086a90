"""Requests that reach no view. Roles and strangers are in `test_permissions`."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

GROUPS = "/o/acme/default/groups/"


def test_signed_out_leads_to_signing_in_and_back(acme: Any) -> None:
    answer = Client().get(GROUPS)
    assert answer["Location"] == f"/accounts/login/?next={GROUPS}"


def test_a_live_part_of_a_page_reloads_the_page_when_signed_out(acme: Any) -> None:
    answer = Client().get(f"{GROUPS}-/rows/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Refresh"]) == (200, "true")
    assert answer.content == b""


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "latin-1"])
def test_a_form_in_another_encoding_is_refused(charset: str) -> None:
    kind = f"application/x-www-form-urlencoded; charset={charset}"
    browser = Client(enforce_csrf_checks=True)
    browser.cookies["csrftoken"] = "a" * 32
    answer = browser.post("/accounts/login/", b"login=x&password=y", content_type=kind)
    assert (answer.status_code, answer.content) == (415, b"Send this in UTF-8.\n")


@pytest.mark.parametrize(("address", "status"), [("/v2/", 405), ("/node/v1/poll", 401), ("/node/v1/nothing", 404)])
def test_a_machine_meets_nothing_that_is_for_people(db: None, address: str, status: int) -> None:
    answer = Client().post(address, b"{}", content_type="application/json")
    assert answer.status_code == status
    assert answer["Content-Length"] == str(len(answer.content))
    assert "Content-Security-Policy" not in answer
    assert not answer.cookies
    assert Client().post(address, headers={"Host": "evil.example"}).status_code == 400
