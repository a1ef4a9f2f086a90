"""A Valkey as compose.yaml starts it: with the rules of `deploy/valkey` and passwords from files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from portal.config.env import CHECKOUT
from portal.config.secret_files import with_password
from portal.runtime import services
from tests.support.processes import until

START = CHECKOUT / "deploy" / "valkey" / "start"


@dataclass(frozen=True)
class ValkeyUsers:
    """A running Valkey: its process, and the passwords of its users."""

    process: subprocess.Popen[bytes]
    socket: Path
    passwords: dict[str, str]

    def url(self, user: str) -> str:
        return with_password(f"unix://{user}@{self.socket}", self.passwords[user])

    def client(self, user: str) -> Redis:
        return Redis.from_url(self.url(user))


@contextmanager
def valkey_with_users(folder: Path) -> Iterator[ValkeyUsers]:
    """Start one in `folder`, with secrets that `deploy/make-secrets` makes there."""
    secrets, programs = folder / "secrets", folder / "bin"
    subprocess.run([CHECKOUT / "deploy" / "make-secrets", secrets], check=True, capture_output=True)
    programs.mkdir()
    (programs / "valkey-server").symlink_to(services.redis_binary())
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "VALKEY_RULES": str(START.parent),
        "VALKEY_SECRETS": str(secrets),
        "VALKEY_USERS": str(folder / "users.acl"),
    }
    socket = folder / "valkey.sock"
    command = ["sh", str(START), "--port", "0", "--unixsocket", str(socket), "--dir", str(folder)]
    with (folder / "valkey.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    passwords = {user: (secrets / f"redis_{user}_password").read_text() for user in ("web", "worker")}
    users = ValkeyUsers(process, socket, passwords)

    def answers() -> bool:
        try:
            return bool(users.client("web").ping())
        except RedisConnectionError:
            return False

    try:
        until(answers, 10, (folder / "valkey.log").read_text)
        yield users
    finally:
        process.terminate()
        process.wait()
