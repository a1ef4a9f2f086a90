"""Which view answers which address below `/node/v1/`."""

from __future__ import annotations

import pytest
from django.urls import resolve


@pytest.mark.parametrize(
    ("address", "view"),
    [
        ("/node/v1/enrol", "enrol"),
        ("/node/v1/poll", "poll"),
        ("/node/v1/key", "key"),
        ("/node/v1/", "nothing"),
        ("/node/v1/poll/", "nothing"),
        ("/node/v1/key\n", "nothing"),
        ("/node/v1/a/poll", "nothing"),
    ],
)
def test_addresses(address: str, view: str) -> None:
    found = resolve(address)
    assert (found.func.__module__, found.func.__name__) == ("groups.nodes.views", view)
    assert (found.view_name, found.kwargs) == (f"nodes:{view}", {})
