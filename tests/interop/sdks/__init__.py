"""SaladCloud's official SDKs, Python's and JavaScript's, behind one face: names and values as the API has them.

`npm ci` installs the JavaScript one from the lock beside this file, into a folder of the test's own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from salad_cloud_sdk import SaladCloudSdk
from salad_cloud_sdk.models import ContainerGroupCreationRequest, ContainerGroupInstancePatch, ContainerGroupPatch

HERE = Path(__file__).parent
FILES = ("package.json", "package-lock.json", "drive.js")


class ApiRefused(Exception):
    """An error as the SDK gave it."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status} {detail}")
        self.status = status
        self.detail = detail


class PythonSdk:
    """The SDK of PyPI."""

    _BODIES = {
        "create_container_group": ContainerGroupCreationRequest,
        "update_container_group": ContainerGroupPatch,
        "update_container_group_instance": ContainerGroupInstancePatch,
    }

    def __init__(self, url: str, key: str) -> None:
        self._sdk = SaladCloudSdk(base_url=url, api_key=key)

    def __enter__(self) -> PythonSdk:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def call(self, method: str, *address: str, body: Any = None) -> Any:
        """Call an operation by its name; return what it was answered."""
        service = self._sdk.quotas if method == "get_quotas" else self._sdk.container_groups
        named: dict[str, Any] = {}
        if body is not None:
            named["request_body"] = self._BODIES[method]._unmap(body)
        names = ("organization_name", "project_name", "container_group_name", "container_group_instance_id")
        named |= dict(zip(names, address, strict=False))
        try:
            answer = getattr(service, method)(**named)
        except Exception as error:
            if not hasattr(error, "status"):
                raise
            answer = getattr(error, "response", None)
            body = answer.body if answer is not None else {}
            detail = getattr(error, "detail", None) or (body.get("detail") if isinstance(body, dict) else body)
            raise ApiRefused(error.status, str(detail)) from None
        return answer._map() if hasattr(answer, "_map") else answer


class JavaScriptSdk:
    """The SDK of npm, in a Node process."""

    def __init__(self, url: str, key: str, folder: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        self._process = subprocess.Popen(
            ["node", "drive.js"],
            cwd=folder,
            env=environment | {"API_URL": url, "API_KEY": key},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> JavaScriptSdk:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=20)

    def call(self, method: str, *address: str, body: Any = None) -> Any:
        """Call an operation by its name; return what it was answered."""
        service = "quotas" if method == "get_quotas" else "containerGroups"
        arguments: list[Any] = [*address, *([_camel(body)] if body is not None else [])]
        asked = {"service": service, "method": _camel_word(method), "arguments": arguments}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise ApiRefused(answer.get("status") or 0, str(answer.get("detail") or answer["message"]))
        return _snake(answer["data"])


def install_javascript(folder: Path) -> Path:
    """Install the SDK of npm into `folder`, in the locked version."""
    for name in FILES:
        shutil.copy(HERE / name, folder)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


_AS_IS = ("environment_variables", "environmentVariables")


def _camel_word(name: str) -> str:
    return re.sub(r"[_-]([a-z])", lambda found: found[1].upper(), name)


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {_camel_word(name): item if name in _AS_IS else _camel(item) for name, item in value.items()}
    return [_camel(item) for item in value] if isinstance(value, list) else value


def _snake(value: Any) -> Any:
    if isinstance(value, dict):
        names = {name: re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), name) for name in value}
        return {names[name]: item if name in _AS_IS else _snake(item) for name, item in value.items()}
    return [_snake(item) for item in value] if isinstance(value, list) else value
