"""Which view answers which address below `/v2/`."""

from __future__ import annotations

import pytest
from django.urls import resolve


@pytest.mark.parametrize(
    ("address", "view", "arguments"),
    [
        ("/v2/", "base", {}),
        ("/v2/token", "token", {}),
        ("/v2/acme/default/app/manifests/sha256:0", "manifest", {"name": "acme/default/app", "reference": "sha256:0"}),
        ("/v2/app/manifests/latest", "manifest", {"name": "app", "reference": "latest"}),
        ("/v2/a/manifests/b/manifests/c", "manifest", {"name": "a/manifests/b", "reference": "c"}),
        ("/v2/acme/default/app/blobs/sha256:0", "blob", {"name": "acme/default/app", "digest": "sha256:0"}),
        ("/v2/token/blobs/x", "blob", {"name": "token", "digest": "x"}),
        ("/v2/token/", "nothing", {}),
        ("/v2/token\n", "nothing", {}),
        ("/v2/manifests/latest", "nothing", {}),
        ("/v2/acme/default/app/manifests/", "nothing", {}),
        ("/v2/acme/default/app/manifests/a/b", "nothing", {}),
        ("/v2/acme/default/app/blobs/sha256:0\n/x", "nothing", {}),
        ("/v2/acme/default/app/blobs/uploads/", "nothing", {}),
        ("/v2/_catalog", "nothing", {}),
    ],
)
def test_addresses(address: str, view: str, arguments: dict[str, str]) -> None:
    found = resolve(address)
    assert (found.func.__module__, found.func.__name__) == ("groups.delivery.views", view)
    assert (found.view_name, found.kwargs) == (f"delivery:{view}", arguments)
