"""Secrets from files: each variable that may contain one, and what an unreadable file says."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from portal.config import env
from portal.config.env import Environment
from portal.config.secret_files import SecretFileInvalid, is_named, with_password

SECRET = "hunter2"
READS: dict[str, tuple[str, Callable[[Environment], object]]] = {
    "PORTAL_SECRET_KEY": (SECRET, lambda read: read.secret_key),
    "PORTAL_METRICS_TOKEN": (SECRET, lambda read: read.metrics_token),
    "PORTAL_STORAGE_URL": (f"s3://bucket?secret_key={SECRET}", lambda read: read.storage_url),
    "PORTAL_EMAIL_URL": (f"submission://portal:{SECRET}@mail.example:587", lambda read: read.email),
    "DATABASE_URL": (f"postgres://portal:{SECRET}@database/portal", lambda read: read.database),
    "REDIS_URL": (f"redis://web:{SECRET}@wakeups:6379/0", lambda read: read.redis_url),
    "DATABASE_PASSWORD": (SECRET, lambda read: read.database["PASSWORD"]),
    "REDIS_PASSWORD": (SECRET, lambda read: read.redis_url),
    "PORTAL_SSO_CLIENT_SECRET": (SECRET, lambda read: read.sso.client_secret),
}
"""Every variable whose value may contain a secret."""


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("PORTAL_", "DATABASE_", "REDIS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PORTAL_DATA_DIR", str(tmp_path))


def servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that need passwords, and whose addresses have none."""
    monkeypatch.setenv("DATABASE_URL", "postgres://portal@database/portal")
    monkeypatch.setenv("REDIS_URL", "redis://web@wakeups:6379/0")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("name", READS)
def test_it_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, end: str) -> None:
    if name.endswith("PASSWORD"):
        servers(monkeypatch)
    value, find = READS[name]
    monkeypatch.setenv(name, value)
    plain = find(env.read())
    monkeypatch.delenv(name)
    (tmp_path / "file").write_text(value + end, newline="")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "file"))

    assert find(env.read()) == plain
    assert SECRET in str(plain)


@pytest.mark.parametrize("name", ["PORTAL_EMAIL_URL", "PORTAL_STORAGE_URL", "PORTAL_METRICS_TOKEN", "REDIS_URL"])
def test_an_empty_file_is_like_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setenv("PORTAL_SECRET_KEY", "x")
    without = env.read()
    (tmp_path / "file").write_text("\n")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "file"))
    found = env.read()
    for attribute in ("storage_url", "metrics_token", "redis_url", "sends_mail", "prints_mail", "email_named"):
        assert getattr(found, attribute) == getattr(without, attribute)


@pytest.mark.parametrize("kind", ["missing", "folder", "bytes"])
@pytest.mark.parametrize("name", READS)
def test_a_file_that_can_not_be_read_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, kind: str
) -> None:
    servers(monkeypatch)
    path = tmp_path / "file"
    if kind == "folder":
        path.mkdir()
    elif kind == "bytes":
        path.write_bytes(SECRET.encode() + b"\xff")
    monkeypatch.setenv(f"{name}_FILE", str(path))

    with pytest.raises(SecretFileInvalid) as problem:
        env.read()

    assert str(problem.value) == f"{name}_FILE needs the path of a readable text file"
    assert problem.value.__cause__ is None


@pytest.mark.parametrize("password", ["plain", "p@ss:w/rd?#%", "ü", " "])
@pytest.mark.parametrize("url", ["redis://web@host:6379/0", "redis://web:old@host:6379/0", "rediss://web@[::1]:6379"])
def test_a_password_is_put_into_an_address(url: str, password: str) -> None:
    found = Redis.from_url(with_password(url, password)).connection_pool.connection_kwargs
    assert (found["username"], found["password"]) == ("web", password)
    assert found["host"] in ("host", "[::1]", "::1")


def test_a_password_alone_is_the_default_users() -> None:
    found = Redis.from_url(with_password("redis://host", "secret")).connection_pool.connection_kwargs
    assert (found.get("username", ""), found["password"]) == ("", "secret")
    assert with_password("redis://web:own@host", "") == "redis://web:own@host"


def test_the_embedded_redis_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", SECRET)
    assert SECRET not in env.read().redis_url
    monkeypatch.setenv("REDIS_URL_FILE", "/run/secrets/redis_url")
    assert is_named("REDIS_URL")
    assert not is_named("DATABASE_URL")


def test_the_services_of_the_containers_name_no_other_secret() -> None:
    text = (env.CHECKOUT / "compose.yaml").read_text()
    named = set(re.findall(r"(\w+)_FILE:", text)) - {"POSTGRES_PASSWORD"}
    assert named <= set(READS)
