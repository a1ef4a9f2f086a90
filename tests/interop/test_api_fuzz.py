"""schemathesis against both OpenAPI documents, on a live portal: no 5xx, and every response as its document says.

A short while in each run; `API_FUZZ_SECONDS=600` for a long one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.interop.delivery_portal import running

pytestmark = pytest.mark.interop

SECONDS = int(os.environ.get("API_FUZZ_SECONDS", "40"))
CHECKS = ",".join(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)
QUIET = {"NO_PROXY": "*", "no_proxy": "*", "NO_COLOR": "1"}


@pytest.mark.parametrize("name", ["public", "v1"])
def test_it_keeps_to_its_document(name: str, tmp_path: Path) -> None:
    with running(tmp_path / "portal", PORTAL_API_CALLS_A_MINUTE="1000000") as portal:
        key = portal.api_key()
        portal.group(name="app", sizes=[1000])
        (tmp_path / "known.py").write_text(_KNOWN.replace("INSTANCE", portal.instance_id(group="app")))
        end = time.monotonic() + SECONDS / 2
        rounds = 0
        while (left := end - time.monotonic()) > 1 or not rounds:
            rounds += 1
            command = [str(Path(sys.executable).parent / "schemathesis"), "run"]
            command += [
                f"{portal.url}/api/{name}/openapi.json",
                "--checks",
                CHECKS,
                "--header",
                f"Salad-Api-Key: {key}",
            ]
            command += ["--phases", "examples,coverage,fuzzing,stateful" if left > 120 else "coverage,fuzzing"]
            command += [
                "--max-examples",
                "1000",
                "--suppress-health-check",
                "all",
                "--max-time",
                str(max(5, int(left))),
            ]
            command += ["--seed", str(rounds), "--request-timeout", "30"]
            done = subprocess.run(
                command,
                cwd=tmp_path,
                env=os.environ | QUIET | {"SCHEMATHESIS_HOOKS": "known", "PYTHONPATH": str(tmp_path)},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
            assert "Test cases" in done.stdout or "cases" in done.stdout, done.stdout[-2000:]
            print(done.stdout[-900:])
        log = (tmp_path / "portal" / "web.log").read_text()
        assert '"event": "api_failed"' not in log
        assert log.count('"event": "api_call"') > 50


# What is asked for is there in half of the cases, else nothing but 404 would be seen.
_KNOWN = """
import schemathesis

HERE = {"organization_name": "acme", "project_name": "default", "container_group_name": "app",
        "container_group_instance_id": "INSTANCE"}


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if not path_parameters:
        return path_parameters
    known = {name: HERE[name] for name in path_parameters if name in HERE}
    ends = context.operation.method.upper() == "DELETE" or context.operation.path.endswith("/stop")
    if ends or len(str(path_parameters)) % 2:
        known.pop("container_group_name", None)
    return {**path_parameters, **known}


@schemathesis.hook
def map_query(context, query):
    # There is no worker here to wait for.
    return {**query, "wait": 0} if query and "wait" in query else query


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.path.endswith("/checks"):
        case.query = {**(case.query or {}), "wait": 0}
"""
