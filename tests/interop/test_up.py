"""`up` and `demo` as a person starts them: real processes, from the first start to the last."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
import requests

from groups.agent.podman_form import run_root
from portal.config.env import CHECKOUT
from portal.demo.image import sample_image
from portal.demo.program import TEXT
from tests.interop.launching import (
    CommandLines,
    begin_migrated,
    launch,
    lines_until,
    manage,
    secrets_of,
    still_running,
    wait_until_gone,
)
from tests.interop.member_browser import Browser

pytestmark = pytest.mark.interop


def test_up_starts_everything_and_ctrl_c_ends_it(
    environment: dict[str, str], started: list[subprocess.Popen[str]]
) -> None:
    environment["PORTAL_METRICS_TOKEN"] = "a-token-of-the-operators"  # pragma: allowlist secret
    started.append(launch("up", environment))
    said = lines_until(started[0], "Ctrl-C")
    address = f"http://localhost:{environment['PORT']}"
    (link,) = [line.strip() for line in said if "/accounts/password/reset/key/" in line]
    assert link.startswith(address)
    with urlopen(f"{address}/readyz") as answer:
        assert json.load(answer) == {"ready": True, "missing": []}
    running = " ".join(still_running(environment))
    secrets = secrets_of(environment, "\n".join(said))
    assert len(secrets) == 3
    assert not [secret for secret in secrets if secret in running]
    assert all(part in running for part in ("valkey-server", "serve web", "serve layers", "rqworker", "sweep"))

    # The contract: with the same environment, manage.py reaches the running portal, Redis included.
    made = subprocess.run(
        [sys.executable, "manage.py", "create_organization", "acme", "--owner", "alice@acme.example"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr

    operator, chosen = Browser(address), "grey kettle over seven hills"
    page = urlsplit(operator.get(urlsplit(link).path).url).path
    operator.post(page, page, password1=chosen, password2=chosen)
    login = "/accounts/login/"
    signed_in = operator.post(login, login, login="operator@localhost", password=chosen)
    assert "second factor" in signed_in.text

    second = launch("up", environment)
    started.append(second)
    said_by_second, _ = second.communicate(timeout=60)
    assert second.returncode != 0
    assert "running already" in said_by_second

    started[0].send_signal(signal.SIGINT)
    started[0].communicate(timeout=60)
    assert started[0].returncode == 0
    assert still_running(environment) == []

    again = launch("up", environment)
    started.append(again)
    said = lines_until(again, "Ctrl-C")
    assert not any("/password/reset/" in line for line in said), "an operator has signed in"
    with sqlite3.connect(f"{environment['PORTAL_DATA_DIR']}/portal.sqlite3") as database:
        assert database.execute("SELECT slug FROM portal_organization").fetchall() == [("acme",)]


def test_mails_are_printed_and_in_no_log(environment: dict[str, str], started: list[subprocess.Popen[str]]) -> None:
    begin_migrated(Path(environment["PORTAL_DATA_DIR"]))
    started.append(launch("up", environment))
    said = lines_until(started[0], "Ctrl-C")
    assert any(line.startswith("Emails          printed here") for line in said)
    make = ["create_organization", "acme", "--owner", "alice@acme.example", "--password-file", "-"]
    password = b"correct horse battery"
    subprocess.run([sys.executable, "manage.py", *make], cwd=CHECKOUT, env=environment, check=True, input=password)

    address = f"http://localhost:{environment['PORT']}"
    with requests.Session() as browser:

        def send(path: str, page: str, **typed: str) -> requests.Response:
            token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(f"{address}{page}").text)[0]
            return browser.post(f"{address}{path}", {"csrfmiddlewaretoken": token, **typed}, timeout=30)

        send("/accounts/login/", "/accounts/login/", login="alice@acme.example", password="correct horse battery")
        members = "/o/acme/settings/members/"
        shown = send(f"{members}invite/", members, email="nina@acme.example", role="member").text

    printed = lines_until(started[0], "If you didn't expect an invitation")
    (link,) = [line for line in printed if "/invitations/dri_" in line]
    assert link in shown
    logs = list(Path(environment["PORTAL_DATA_DIR"], "log").iterdir())
    assert logs
    assert not [log.name for log in logs if link.rpartition("dri_")[2] in log.read_text()]


def test_whatever_it_creates_is_for_its_user_only(
    environment: dict[str, str], started: list[subprocess.Popen[str]]
) -> None:
    """In a folder that an earlier release made, on a machine with the usual umask."""
    data = Path(environment["PORTAL_DATA_DIR"])
    data.mkdir(exist_ok=True)
    (data / "portal.sqlite3-journal").touch()
    (data / "portal.sqlite3-journal").chmod(0o644)
    data.chmod(0o755)
    before = os.umask(0o022)
    try:
        started.append(launch("up", environment))
        said = lines_until(started[0], "Ctrl-C")
        manage(environment, "create_organization", "acme", "--owner", "alice@acme.example")
        manage(environment, "create_enrolment", "node-1")
        manage(environment, "sweep")
        imported = "import os, portal.wsgi; print(oct(os.umask(0)))"
        served = subprocess.run(
            [sys.executable, "-c", imported], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True
        )
    finally:
        os.umask(before)
    assert any("2 files and folders were open to other users" in line for line in said)
    assert served.stdout.strip() == "0o77"
    everything = [data, *data.rglob("*")]
    assert {path.name for path in everything} > {"portal.sqlite3", "portal.sqlite3-wal", "redis", "data.key", "web.log"}
    assert [str(path) for path in everything if path.lstat().st_mode & 0o077 and not path.is_symlink()] == []


def test_a_killed_portal_leaves_no_process(environment: dict[str, str], started: list[subprocess.Popen[str]]) -> None:
    begin_migrated(Path(environment["PORTAL_DATA_DIR"]))
    started.append(launch("up", environment))
    lines_until(started[0], "Ctrl-C")
    started[0].kill()
    wait_until_gone(environment)


def test_a_taken_port_is_named(environment: dict[str, str], started: list[subprocess.Popen[str]]) -> None:
    with socket.create_server(("127.0.0.1", int(environment["PORT"]))):
        started.append(launch("up", environment))
        said, _ = started[0].communicate(timeout=60)
    assert started[0].returncode != 0
    assert f"port {environment['PORT']} is in use" in said
    assert "Traceback" not in said


def test_the_demo_delivers_an_image_and_leaves_no_secret(
    environment: dict[str, str], started: list[subprocess.Popen[str]]
) -> None:
    with CommandLines(environment) as commands:
        started.append(launch("demo", {**environment, "DEMO_ONCE": "1"}))
        said, _ = started[0].communicate(timeout=180)
    assert started[0].returncode == 0, said
    secrets = secrets_of(environment, said)
    assert len(secrets) >= 5
    lines = "\n".join(commands.seen)
    assert all(
        part in lines for part in ("groups.agent", "portal.demo.registry", "valkey-server", "serve web", "serve layers")
    )
    assert not [secret for secret in secrets if secret in lines]
    assert not re.search(r"\bdr[a-z]_[A-Za-z0-9_-]{20}", lines), "a token or a code"
    figures = json.loads(said.splitlines()[-1])
    assert figures["equal"] is True
    assert figures["credential_destroyed"] is True
    assert figures["running"] is True, said
    node = Path(environment["PORTAL_DATA_DIR"]) / "demo" / "node"
    (log,) = (node / "logs").iterdir()
    assert TEXT.decode().strip() in log.read_text()
    shutil.rmtree(run_root(node / "podman"), ignore_errors=True)
    assert figures["image_bytes"] > 20_000_000
    assert [word for word in ("pending", "stopped", "deploying", "delivered") if f"  {word} " not in said] == []
    assert still_running(environment) == []

    # No secret and no plaintext anywhere but in the registry's own file and on the node.
    home = Path(environment["PORTAL_DATA_DIR"])
    secret = (home / "demo" / "registry-password").read_bytes().strip()
    image = sample_image()
    plain = [image.blobs[digest][4096:4160] for digest in image.layer_digests]
    assert len(plain) > 1
    for path in home.rglob("*"):
        if path.is_file() and "demo" not in path.relative_to(home).parts:
            content = path.read_bytes()
            assert secret not in content, path
            assert not any(piece in content for piece in plain), path
