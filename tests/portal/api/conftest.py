"""Keys of Acme and of Umbrella, and a client that speaks with one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from portal.organizations.api_keys import create_key
from registries.foundation.actor import CONSOLE

CONTAINERS = "/api/public/organizations/acme/projects/default/containers"


class Speaker:
    """A program with a key: `speaker.get(path)`, `speaker.post(path, {…})`. What it is answered has `.json()`."""

    def __init__(self, key: str = "", **options: Any) -> None:
        self.key = key
        self._client = Client(**options)

    def call(self, method: str, path: str, body: Any = None, *, kind: str = "application/json", **headers: str) -> Any:
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        sent = {"Salad-Api-Key": self.key, **headers} if self.key else headers
        return self._client.generic(method, path, body or "", content_type=kind if body else "", headers=sent)

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self.call("PATCH", path, body, kind="application/merge-patch+json", **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.call("DELETE", path, **headers)


def a_group(**values: Any) -> dict[str, Any]:
    """The request of a small group."""
    container = {
        "image": "registry.example.com/team/app:1.0",
        "resources": {"cpu": 1, "memory": 1024},
        **values.pop("container", {}),
    }
    return {
        "name": "app",
        "container": container,
        "autostart_policy": False,
        "replicas": 1,
        "restart_policy": "always",
        **values,
    }


@pytest.fixture(autouse=True)
def _own_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test counts another one's calls; nobody listens where Redis would be."""
    monkeypatch.setattr("portal.api.rate._counter", None)


@pytest.fixture
def speaks(project: Any) -> Callable[..., Speaker]:
    """Return a program of Acme's: `speaks("read")`."""

    def made(scope: str = "write", **options: Any) -> Speaker:
        _, key = create_key(organization_id=project.organization_id, name="ci", scope=scope, by=CONSOLE)
        return Speaker(key, **options)

    return made
