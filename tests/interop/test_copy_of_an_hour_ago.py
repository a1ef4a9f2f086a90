"""A copy of web host, database, Redis and store, taken while the portal was in full use, opens nothing an hour later,
not even with what the web host has by then."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from portal.config.env import CHECKOUT
from registries.secrets.epochs import CLOSING_SECONDS, EPOCH_SECONDS
from tests.conftest import PASSWORD
from tests.interop.canary_way import MEMBER, OTHER, Way
from tests.interop.docker_registry import DockerRegistry, write_layout
from tests.interop.launching import begin_migrated, launch, lines_until, manage
from tests.interop.member_browser import Browser
from tests.portal.notifications.conftest import Receiver
from tests.support.fakes.images import build_image
from tests.support.helper_process import Beside
from tests.support.processes import bare_environment, until

pytestmark = pytest.mark.interop
RESET = "/accounts/password/reset/"
BEARERS = ("API key", "invitation", "enrolment code", "node token", "session of a node", "session cookie", "link")
END_THE_HOUR = """
from django.db.models.functions import Now
from registries.models import Credential
print(Credential.objects.filter(sealed__isnull=False).update(deadline=Now()))
"""


@dataclass
class Theft:
    """`copy` is what was stolen; `workers` are the workers' keys of that hour, which were not. `portal` is the data
    folder of the portal, where it is an hour later."""

    portal: Path
    copy: Path
    workers: Path
    secrets: dict[str, str]
    password: str
    layers: int
    thief: Any


def steal(data: Path, copy: Path) -> None:
    """Copy what the web zone can reach."""
    for folder in ("keys/web", "redis", "blobs", "static"):
        shutil.copytree(data / folder, copy / folder, ignore=shutil.ignore_patterns("*.sock"))
    with (
        closing(sqlite3.connect(data / "portal.sqlite3")) as live,
        closing(sqlite3.connect(copy / "portal.sqlite3")) as copied,
    ):
        live.backup(copied)


def let_pass(environment: dict[str, str], keys: Path, seconds: float) -> None:
    """Let time pass for the sealing keys, and sweep."""
    for path in keys.rglob("seal-*"):
        moment = path.stat().st_mtime - seconds
        os.utime(path, (moment, moment))
    manage(environment, "sweep")


def end_the_hour(environment: dict[str, str], keys: Path) -> None:
    """Let the credential's hour and the epoch of its key be over."""
    assert manage(environment, "shell", "--no-imports", "-c", END_THE_HOUR) != "0"
    let_pass(environment, keys, EPOCH_SECONDS + 1)
    let_pass(environment, keys, CLOSING_SECONDS + 1)
    until(lambda: not (keys / "worker/seal-1.key").exists())
    assert (keys / "web/seal-2.pub").exists()


@pytest.fixture
def theft(
    docker_registry: DockerRegistry,
    environment: dict[str, str],
    started: list[subprocess.Popen[str]],
    tmp_path: Path,
) -> Iterator[Theft]:
    image = build_image([os.urandom(300_000), os.urandom(200_000)])
    reference = docker_registry.push("team/stolen", "1.0", write_layout(tmp_path / "layout", image))
    environment |= {"PORTAL_REGISTRY_ALLOW_NETWORKS": "127.0.0.0/8", "PORTAL_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8"}
    begin_migrated(Path(environment["PORTAL_DATA_DIR"]))
    started.append(launch("up", environment))
    console = lines_until(started[0], "Ctrl-C")
    threading.Thread(target=console.extend, args=(started[0].stdout or (),), daemon=True).start()
    manage(environment, "create_organization", "acme", "--owner", MEMBER, "--password", PASSWORD)

    address = f"http://localhost:{environment['PORT']}"
    way = Way(address, environment, docker_registry, reference)
    way.console = lambda: console
    with Receiver() as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        way.go(receiver)
        receiver.shutdown()
    way.keep("link", requested_link(Browser(address), lambda: "\n".join(console)))

    data = Path(environment["PORTAL_DATA_DIR"])
    copy, workers = tmp_path / "copy", tmp_path / "workers"
    time.sleep(1.1)  # Redis writes its file once a second
    steal(data, copy)
    shutil.copytree(data / "keys/worker", workers)
    end_the_hour(environment, data / "keys")
    started[0].terminate()
    started[0].wait(30)

    of_the_copy = bare_environment() | {
        "PORTAL_DATA_DIR": str(copy),
        "PORTAL_PUBLIC_URL": address,
        "PORTAL_ZONE": "web",
        "REDIS_URL": "redis://127.0.0.1:1/0",  # nobody listens
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    thief = Beside("tests.interop.copy_thief", of_the_copy, tmp_path / "thief.log")
    secrets = {name: secret.decode() for name, secret in way.secrets.items()}
    yield Theft(data, copy, workers, secrets, docker_registry.password, len(image.layer_digests), thief)
    thief.close()


def requested_link(browser: Browser, console: Callable[[], str]) -> str:
    """The token of a link that sets a password, as it was sent by mail."""
    browser.post(RESET, RESET, email=OTHER)
    return str(until(lambda: re.search(rf"{RESET}key/[0-9a-zA-Z]+-(drp_[\w-]{{43}})", console()))[1])


def test_a_copy_of_an_hour_ago_opens_nothing(theft: Theft) -> None:
    assert CHECKOUT not in theft.copy.parents
    stolen, today = str(theft.copy), str(theft.portal / "keys/web")

    nothing: dict[str, list[str]] = {"credentials": [], "layers": []}
    assert theft.thief.open_sealed(folders=[f"{stolen}/keys", f"{stolen}/redis", today]) == nothing
    presented = theft.thief.present(more=[])
    assert {kind: found for kind, found in presented.items() if found} == {}

    # The same attempts with what the thief doesn't have.
    workers = theft.thief.open_sealed(folders=[f"{stolen}/keys", str(theft.workers)])
    assert theft.password in workers["credentials"]
    assert len(workers["layers"]) == theft.layers
    held = theft.thief.present(more=[theft.secrets[name] for name in BEARERS])
    one_time = {theft.secrets[name] for name in BEARERS} - {theft.secrets["session cookie"]}
    assert set(held["one-time secrets"]) == one_time
    assert held["sessions of people"] == [theft.secrets["session cookie"]]
    assert theft.secrets["session of a node"] in held["sessions of nodes"]
    assert theft.secrets["node token"] in held["sessions of nodes"], "with the web zone's key, and only with it"

    # What the workers have an hour later opens no credential of then.
    later = theft.thief.open_sealed(folders=[f"{stolen}/keys", str(theft.portal / "keys/worker")])
    assert later["credentials"] == []
    assert later["layers"] == workers["layers"]
