"""The node API: enrol once, then poll. `--portal` is the portal's public URL, which each call's JWT names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from groups.agent.identity import Identity

TIMEOUT = (5, 30)


class PortalUnreachable(Exception):
    """No response, or one that says to try again later."""


class PortalRefused(Exception):
    """The portal refused the request; the text has its status, code and detail."""


@dataclass(frozen=True)
class Start:
    """An instance to start. `image` is `<host>/<repository>@sha256:<hex>`, `size` its total in bytes, 0 if the portal
    doesn't say. `command` replaces the image's own entry point and arguments."""

    instance: str
    image: str
    token: str = field(repr=False)
    command: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    restart_policy: str = "always"
    cpu: float = 0
    memory_mb: int = 0
    gpu: str = ""
    size: int = 0

    @property
    def digest(self) -> str:
        return self.image.rpartition("@")[2]


@dataclass(frozen=True)
class Orders:
    """The response to a poll. Instances that are in no list continue."""

    start: list[Start]
    stop: list[str]
    restart: list[str] = field(default_factory=list)
    recreate: list[str] = field(default_factory=list)


class Portal:
    """Calls to the portal at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy and no .netrc of the machine's

    def enrol(self, identity: Identity, code: str, name: str) -> str:
        """Trade the code for an id. Raises PortalUnreachable and PortalRefused."""
        answer = self._post("enrol", {"code": code, "name": name, "public_key": identity.public_key}, {})
        return str(answer["node_id"])

    def poll(
        self,
        identity: Identity,
        capacity: Mapping[str, object],
        instances: list[dict[str, object]],
        platform: str = "",
    ) -> Orders:
        """Report, and return what to start and stop. Raises PortalUnreachable and PortalRefused."""
        headers = {"Authorization": f"Bearer {identity.sign(self.url)}"}
        body = {"capacity": capacity, "instances": instances, "platform": platform}
        answer = self._post("poll", body, headers)
        names = Start.__dataclass_fields__
        start = [Start(**{name: value for name, value in order.items() if name in names}) for order in answer["start"]]
        ids = {name: [str(instance) for instance in answer.get(name, ())] for name in ("stop", "restart", "recreate")}
        return Orders(start=start, **ids)

    def _post(self, path: str, body: Mapping[str, object], headers: dict[str, str]) -> dict[str, Any]:
        address = f"{self.url}/node/v1/{path}"
        try:
            response = self._http.post(address, json=body, headers=headers, timeout=TIMEOUT, allow_redirects=False)
            answer = response.json()
        except requests.RequestException as error:
            raise PortalUnreachable(type(error).__name__) from None
        if response.status_code == 200 and isinstance(answer, dict):
            return answer
        if response.status_code >= 500 or not isinstance(answer, dict):
            raise PortalUnreachable(f"status {response.status_code}")
        raise PortalRefused(f"{response.status_code} {answer.get('code')}: {answer.get('detail')}")
