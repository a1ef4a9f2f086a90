"""A whole way with every secret that there is, used well and badly; afterwards none of them is in any log, in Redis, in
the database and its log, in the store, in a temporary file, in a process or in a message."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from portal.config.env import redis_socket
from tests.conftest import PASSWORD
from tests.interop.canary_way import MEMBER, Way
from tests.interop.docker_registry import DockerRegistry, write_layout
from tests.interop.launching import begin_migrated, launch, lines_until, manage, processes_of
from tests.portal.notifications.conftest import Receiver
from tests.security.canary_scan import Leak, Scanner
from tests.support.fakes.images import build_image
from tests.support.postgresql import Postgres

pytestmark = pytest.mark.interop


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, environment: dict[str, str]) -> Iterator[Postgres | None]:
    if request.param == "sqlite":
        begin_migrated(Path(environment["PORTAL_DATA_DIR"]))
        yield None
        return
    with Postgres() as postgres:
        environment["DATABASE_URL"] = postgres.url
        yield postgres


def kind_of(leak: Leak) -> tuple[str, str]:
    """A leak without what differs from run to run: the database with its log is one place, another log keeps its
    name."""
    is_database = leak.place.startswith(("portal.sqlite3", "data/", "dump"))
    return leak.canary, "database" if is_database else leak.place


def test_no_secret_is_left_in_clear(
    database: Postgres | None,
    docker_registry: DockerRegistry,
    environment: dict[str, str],
    started: list[subprocess.Popen[str]],
    tmp_path: Path,
) -> None:
    image = build_image([os.urandom(300_000), os.urandom(200_000)])
    reference = docker_registry.push("team/canary", "1.0", write_layout(tmp_path / "layout", image))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment |= {"PORTAL_REGISTRY_ALLOW_NETWORKS": "127.0.0.0/8", "TMPDIR": str(temporary)}
    environment["PORTAL_WEBHOOK_ALLOW_NETWORKS"] = "127.0.0.0/8"
    started.append(launch("up", environment))
    console = lines_until(started[0], "Ctrl-C")
    reading = threading.Thread(target=console.extend, args=(started[0].stdout or (),), daemon=True)
    reading.start()
    manage(environment, "create_organization", "acme", "--owner", MEMBER, "--password", PASSWORD)

    way = Way(f"http://localhost:{environment['PORT']}", environment, docker_registry, reference)
    way.console = lambda: console
    with Receiver() as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        secrets = way.go(receiver)
        receiver.shutdown()

    data = Path(environment["PORTAL_DATA_DIR"])
    scanner = Scanner(secrets)
    found = scanner.in_folder(data) | scanner.in_folder(temporary)
    with Redis(unix_socket_path=str(redis_socket(data))) as client:
        assert client.dbsize()
        found |= scanner.in_redis(client)
    processes = processes_of(environment)
    assert len(processes) >= 5
    found |= scanner.in_processes(processes)
    for headers, body in receiver.got:
        found |= scanner.in_data(body + repr(headers).encode(), "message to a webhook")
    # Mails are printed here, with the invitation's link in them.
    found |= scanner.in_data("\n".join(console).encode(), "console") - {Leak("invitation", "console")}
    if database is not None:
        found |= scanner.in_folder(database.folder) | scanner.in_data(database.dump(), "dump")

    assert len(secrets) >= 18
    assert {kind_of(leak) for leak in found} == set()
