"""Reading the environment."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from portal.config import env
from portal.config.values import EnvironmentInvalid


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "PORTAL_REGISTRY_ALLOW_NETWORKS",
        "PORTAL_WEBHOOK_ALLOW_NETWORKS",
        "PORTAL_SECRET_KEY",
        "DATABASE_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORTAL_DATA_DIR", str(tmp_path))


def test_everything_has_a_default(tmp_path: Path) -> None:
    read = env.read()
    assert read.key_dir == tmp_path / "keys"
    assert read.database["NAME"] == str(tmp_path / "portal.sqlite3")
    assert read.storage_url == f"file://{tmp_path}/blobs"
    assert read.max_image_bytes == 10_000_000_000
    assert read.pull_retry_seconds == 900
    assert read.registry_allow_networks == read.webhook_allow_networks == []
    assert not read.https


def test_the_secret_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    first = env.read().secret_key
    assert first == env.read().secret_key
    assert len(first) > 60
    assert (tmp_path / "keys/web/django-secret").stat().st_mode & 0o777 == 0o600


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file")
    monkeypatch.setenv("PORTAL_SECRET_KEY_FILE", str(tmp_path / "secret"))
    assert env.read().secret_key == "from a file"


def test_networks_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_REGISTRY_ALLOW_NETWORKS", "127.0.0.0/8, fd00::/8")
    monkeypatch.setenv("PORTAL_WEBHOOK_ALLOW_NETWORKS", "10.0.0.0/8 443 tls")
    read = env.read()
    assert [str(entry.network) for entry in read.registry_allow_networks] == ["127.0.0.0/8", "fd00::/8"]
    assert [str(entry.network) for entry in read.webhook_allow_networks] == ["10.0.0.0/8"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTAL_PUBLIC_URL", "portal.example"),
        ("PORTAL_LAYERS_URL", "layers.example"),
        ("PORTAL_LAYERS_URL", "ftp://layers.example"),
        ("PORTAL_LAYERS_URL", "https://layers.example/v2"),
        ("PORTAL_ZONE", "attic"),
        ("PORTAL_LEASE_SECONDS", "0"),
        ("PORTAL_BLOB_GRACE_SECONDS", "-1"),
        ("PORTAL_EMAIL_URL", "pigeon://loft.example"),
        ("PORTAL_REGISTRY_ALLOW_NETWORKS", "10.0.0.1/8"),
        ("PORTAL_REGISTRY_ALLOW_NETWORKS", "10.0.0.0/8 ssh"),
        ("PORTAL_WEBHOOK_ALLOW_NETWORKS", "hooks.internal"),
        ("PORTAL_TRUSTED_PROXIES", "nginx"),
        ("PORTAL_TRUSTED_PROXIES", "0"),
        ("PORTAL_TRUSTED_PROXIES", "33"),
        ("PORTAL_TRUSTED_PROXIES", "-1"),
        ("PORTAL_TRUSTED_PROXIES", "1,10.0.0.0/8"),
        ("PORTAL_PROXY_HEADER", "x-real-ip"),
    ],
)
def test_a_bad_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(EnvironmentInvalid, match=name):
        env.read()


@pytest.mark.parametrize(
    ("values", "url", "port"),
    [
        ({}, "http://localhost:8001", 8001),
        ({"PORT": "9000"}, "http://localhost:9001", 9001),
        ({"PORT": "9000", "PORTAL_LAYERS_PORT": "9500"}, "http://localhost:9500", 9500),
        ({"PORTAL_PUBLIC_URL": "http://[::1]:8000"}, "http://[::1]:8001", 8001),
        ({"PORTAL_PUBLIC_URL": "https://portal.example"}, "https://portal.example", 8001),
        ({"PORTAL_LAYERS_URL": "https://layers.example:444/"}, "https://layers.example:444", 8001),
    ],
)
def test_where_layers_are_fetched(monkeypatch: pytest.MonkeyPatch, values: dict[str, str], url: str, port: int) -> None:
    """At the process that sends them if it can be reached, else at the proxy's address."""
    for name in ("PORT", "PORTAL_PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    read = env.read()
    assert (read.layers_url, read.layers_port) == (url, port)
    assert (urlsplit(url).hostname or "").strip("[]") in [host.strip("[]") for host in read.allowed_hosts]


def test_a_deep_data_directory_gets_a_socket_that_fits() -> None:
    deep = Path("/srv") / ("deep" * 30)
    assert len(str(env.redis_socket(deep))) <= 100
    assert env.redis_socket(deep) == env.redis_socket(deep)
    assert env.redis_socket(Path("/srv/portal")) == Path("/srv/portal/redis/redis.sock")


def test_mail_is_sent_only_where_a_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not env.read().sends_mail
    monkeypatch.setenv("PORTAL_EMAIL_URL", "submission://portal:secret@mail.example:587")
    read = env.read()
    assert read.sends_mail
    assert (read.email["EMAIL_HOST"], read.email["EMAIL_USE_TLS"]) == ("mail.example", True)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"PORTAL_DELIVERY": "fax"}, "PORTAL_DELIVERY"),
        ({"PORTAL_DELIVERY": "redirect"}, "PORTAL_STORAGE_URL"),
        ({"PORTAL_DELIVERY": "accel", "PORTAL_STORAGE_URL": "s3://blobs"}, "PORTAL_STORAGE_URL"),
        ({"PORTAL_ACCEL_PREFIX": "blobs"}, "PORTAL_ACCEL_PREFIX"),
    ],
)
def test_a_delivery_that_can_not_be(monkeypatch: pytest.MonkeyPatch, values: dict[str, str], named: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EnvironmentInvalid, match=named):
        env.read()


def test_mails_are_printed_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_EMAIL_URL", "console:")
    monkeypatch.setenv("PORTAL_CONSOLE_FD", "7")
    read = env.read()
    assert (read.prints_mail, read.sends_mail, read.email_named, read.console_fd) == (True, False, True, 7)
    for named, value in ((True, "dummy:"), (False, "")):
        monkeypatch.setenv("PORTAL_EMAIL_URL", value)
        read = env.read()
        assert (read.prints_mail, read.sends_mail, read.email_named) == (False, False, named)


@pytest.mark.parametrize("zone", env.ZONES)
def test_statements_of_the_web_zone_end(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """Migrations and the worker zone have no limit."""
    monkeypatch.setenv("PORTAL_ZONE", zone)
    monkeypatch.setenv("DATABASE_URL", "postgres://portal@database/portal?sslmode=require")
    limit = {"options": "-c statement_timeout=30s"} if zone == "web" else {}
    assert env.read().database["OPTIONS"] == {"sslmode": "require"} | limit

    monkeypatch.setenv("DATABASE_URL", "sqlite:////tmp/portal.sqlite3")
    options = env.read().database["OPTIONS"]
    assert isinstance(options, dict)
    assert "options" not in options


def test_operators_limit_statements_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_ZONE", "web")
    monkeypatch.setenv("DATABASE_URL", "postgres://portal@database/portal?options=-c%20statement_timeout%3D5min")
    assert env.read().database["OPTIONS"] == {"options": "-c statement_timeout=5min"}


@pytest.mark.parametrize(("given", "read"), [
    ("linux/amd64", "linux/amd64"), ("linux/amd64/v3", "linux/amd64/v3"), ("Linux/x86_64", "linux/amd64"),
    ("linux/arm64/v8", "linux/arm64"),
])  # fmt: skip
def test_the_platform_has_one_spelling(given: str, read: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_PLATFORM", given)
    assert env.read().platform == read


@pytest.mark.parametrize("given", ["amd64", "linux/", "linux/amd64/v3/x", "linux amd64", "linux/" + "a" * 32 + "/v1"])
def test_what_is_no_platform_is_refused_at_the_start(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in each pull, which would end with a failure that says nothing of it."""
    monkeypatch.setenv("PORTAL_PLATFORM", given)
    with pytest.raises(EnvironmentInvalid, match="PORTAL_PLATFORM"):
        env.read()
