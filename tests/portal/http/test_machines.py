"""Requests of nodes meet nothing that is for people."""

from __future__ import annotations

import pytest
from django.test import Client


@pytest.mark.parametrize("address", ["/v2/", "/node/v1/poll", "/node/v1/nothing"])
def test_a_machine_meets_nothing_that_is_for_people(db: None, address: str) -> None:
    answer = Client().post(address, b"{}", content_type="application/json")
    assert answer.status_code in (401, 404, 405)
    assert answer["Content-Length"] == str(len(answer.content))
    assert "Content-Security-Policy" not in answer
    assert not answer.cookies
    assert Client().post(address, headers={"Host": "evil.example"}).status_code == 400
