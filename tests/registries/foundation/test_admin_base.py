"""What operators enter in the admin."""

from __future__ import annotations

from django.test import RequestFactory

from registries.foundation.admin_base import MAX_REASON_LENGTH, reason_of


def test_a_reason_can_be_stored(rf: RequestFactory) -> None:
    assert reason_of(rf.post("/", {"reason": " unpaid\0 bills \n"})) == "unpaid bills"
    assert reason_of(rf.post("/", {"reason": "a" * 1000})) == "a" * MAX_REASON_LENGTH
    assert reason_of(rf.post("/", {})) == ""
