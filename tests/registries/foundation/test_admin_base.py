"""What operators enter and choose in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, RequestFactory

from groups.models import Node
from registries.foundation import admin_base
from registries.foundation.admin_base import reason_of
from tests.support.activity import recorded
from tests.support.page_messages import messages_of


def test_a_reason_can_be_stored(rf: RequestFactory) -> None:
    assert reason_of(rf.post("/", {"reason": " unpaid\0 bills \n"})) == "unpaid bills"
    assert reason_of(rf.post("/", {"reason": "a" * 1000})) == "a" * 300
    assert reason_of(rf.post("/", {})) == ""


@pytest.mark.parametrize("action", ["cordon", "remove"])
def test_at_most_five_hundred_rows_are_changed_at_once(operator: Client, action: str) -> None:
    Node.objects.bulk_create(Node(name=f"node-{number}", public_key="k") for number in range(501))
    chosen = {"action": action, "_selected_action": str(Node.objects.latest("name").pk), "select_across": "1"}

    refused = operator.post("/admin/groups/node/", {**chosen, "index": "0", "confirmed": "yes"})

    assert messages_of(refused) == ["Choose at most 500 at once."]
    assert set(Node.objects.values_list("status", flat=True)) == {"active"}
    assert recorded(organization=None) == []


def test_as_many_as_that_are(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_base, "MAX_AT_ONCE", 2)
    nodes = [Node.objects.create(name=f"node-{number}", public_key="k") for number in range(2)]
    chosen: dict[str, Any] = {"action": "cordon", "_selected_action": [str(node.pk) for node in nodes]}
    operator.post("/admin/groups/node/", chosen)
    assert set(Node.objects.values_list("status", flat=True)) == {"cordoned"}


def test_columns_that_nobody_filters_by() -> None:
    """What would tell, letter by letter, what they hold."""
    names = """
        body client code_hash command config configuration data environment epoch hmac lease mark nonce password refresh
        sealed token_hash wrapped_key
    """
    assert set(names.split()) == admin_base.HIDDEN
