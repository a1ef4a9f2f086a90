"""Requests for checks of images, and what a finished check found."""

from __future__ import annotations

from typing import Any

from django.test import Client

from groups.models import ImageCheck
from groups.rules.states import move

HOST = "registry.example.com"
CHECK = "/o/acme/default/groups/new/check/"
HTMX = {"HX-Request": "true"}
GB = 1_000_000_000
FOUND = {
    "digest": "sha256:" + "a" * 64,
    "found_platform": "linux/amd64",
    "size": 3 * GB,
    "limit": 10 * GB,
    "layer_count": 9,
    "layers": [{"size": 2 * GB, "created_by": "RUN pip install torch"}, {"size": GB // 2, "created_by": ""}],
    "tags": ["latest", "1.1", "1.0"],
    "remaining": 76,
}


def start(client: Client, headers: Any = HTMX, **data: str) -> Any:
    return client.post(CHECK, {"image": f"{HOST}/team/app:1.0", "credential": "", **data}, headers=headers or {})


def finished(status: str, **found: Any) -> ImageCheck:
    """The only check there is, as it is at its end."""
    row = ImageCheck.objects.get()
    move(row, to="running")
    return move(row, to=status, **found)
