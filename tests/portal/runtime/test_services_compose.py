"""The containers' secrets are files, and each service reaches only what it needs. No container is started."""

from __future__ import annotations

import os
import re
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from portal.config import env
from portal.config.env import CHECKOUT

COMPOSE = yaml.safe_load((CHECKOUT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PORTAL = ("keys", "web", "layers", "worker", "worker-short", "sweeper")
MOUNT = "/run/secrets/"


def files_of(service: str) -> dict[str, str]:
    """The secrets that a service reads, by the variable that names their file."""
    environment = SERVICES[service].get("environment", {})
    return {name: path.removeprefix(MOUNT) for name, path in environment.items() if str(path).startswith(MOUNT)}


def test_no_secret_is_in_an_environment_or_on_a_command_line() -> None:
    """So that none is in what `docker compose config`, `docker inspect` and `/proc` show."""
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD|TOKEN|EMAIL_URL|STORAGE_URL", variable):
                assert variable.endswith("_FILE"), (name, variable)
                assert value.startswith(MOUNT)
            assert not re.search(r"://[^/@]*:[^/@]*@", str(value)), (name, variable)
    assert set(re.findall(r"\$\{(\w+)", (CHECKOUT / "compose.yaml").read_text())) == {
        "PORTAL_ALLOWED_HOSTS",
        "PORTAL_LAYERS_URL",
        "PORTAL_MAX_IMAGE_BYTES",
        "PORTAL_PROXY_HEADER",
        "PORTAL_PUBLIC_URL",
        "PORTAL_PUBLISH_ON",
        "PORTAL_SECRETS_DIR",
        "PORTAL_SSO_CLIENT_ID",
        "PORTAL_SSO_DOMAINS",
        "PORTAL_SSO_ISSUER",
        "PORTAL_SSO_NAME",
        "PORTAL_SUPPORT_EMAIL",
        "PORTAL_TRUSTED_PROXIES",
    }


def test_each_service_has_the_secrets_that_it_reads_and_no_others() -> None:
    for name in PORTAL:
        assert set(files_of(name).values()) == set(SERVICES[name]["secrets"]), name
    assert SERVICES["database"]["secrets"] == ["database_password"]
    assert SERVICES["wakeups"]["secrets"] == ["redis_web_password", "redis_worker_password"]
    readers = {
        secret: {name for name in PORTAL if secret in SERVICES[name]["secrets"]} for secret in COMPOSE["secrets"]
    }
    assert readers["redis_web_password"] == {"web", "layers"}
    assert readers["redis_worker_password"] == {"worker", "worker-short", "sweeper"}
    assert readers["metrics_token"] == {"web"}
    assert readers["sso_client_secret"] == {"worker", "worker-short", "sweeper"}


def test_all_of_them_are_files_that_the_script_makes(tmp_path: Path) -> None:
    subprocess.run([CHECKOUT / "deploy" / "make-secrets", tmp_path], check=True, capture_output=True)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == set(COMPOSE["secrets"])
    folder = "${PORTAL_SECRETS_DIR:-./deploy/secrets}"
    assert {name: secret["file"] for name, secret in COMPOSE["secrets"].items()} == {
        name: f"{folder}/{name}" for name in made
    }
    assert "/deploy/secrets/" in (CHECKOUT / ".gitignore").read_text().splitlines()
    assert "deploy" in (CHECKOUT / ".dockerignore").read_text().splitlines()


@pytest.mark.parametrize("service", PORTAL)
def test_the_portal_reads_them(service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run([CHECKOUT / "deploy" / "make-secrets", tmp_path], check=True, capture_output=True)
    for name in list(os.environ):
        if name.startswith(("PORTAL_", "DATABASE_", "REDIS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PORTAL_DATA_DIR", "/data")
    for name, value in SERVICES[service]["environment"].items():
        given = re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", str(value))
        monkeypatch.setenv(name, re.sub(r"\$\{\w+:\?[^}]*\}", "https://portal.example", given))
    for name, secret in files_of(service).items():
        monkeypatch.setenv(name, str(tmp_path / secret))
    read = env.read()

    def made(secret: str) -> str:
        return (tmp_path / secret).read_text()

    assert read.secret_key == made("secret_key")
    assert (read.database["HOST"], read.database["PASSWORD"]) == ("database", made("database_password"))
    assert read.storage_url == "file:///blobs"
    assert not read.sends_mail
    if service != "keys":
        user = "web" if service in ("web", "layers") else "worker"
        assert read.redis_url == f"redis://{user}:{made(f'redis_{user}_password')}@wakeups:6379/0"
    assert read.metrics_token == (made("metrics_token") if service == "web" else "")


def test_who_reaches_what() -> None:
    networks = {name: set(service["networks"]) for name, service in SERVICES.items()}
    assert networks == {
        "keys": {"database"},
        "web": {"database", "wakeups", "entrance"},
        "layers": {"database", "wakeups", "entrance"},
        "worker": {"database", "wakeups", "outside"},
        "worker-short": {"database", "wakeups", "outside"},
        "sweeper": {"database", "wakeups"},
        "wakeups": {"wakeups"},
        "database": {"database"},
    }
    assert {name for name, network in COMPOSE["networks"].items() if network.get("internal")} == {"database", "wakeups"}
    options = COMPOSE["networks"]["entrance"]["driver_opts"]
    assert options == {"com.docker.network.bridge.enable_ip_masquerade": "false"}


def test_the_way_out_for_mail_and_object_stores_takes_no_network_away() -> None:
    opened = yaml.safe_load((CHECKOUT / "deploy" / "compose.outside.yaml").read_text())["services"]
    for name, service in opened.items():
        assert set(service["networks"]) == {*SERVICES[name]["networks"], "outside"}
    assert set(opened) == {"web", "layers", "sweeper"}


@pytest.mark.parametrize("service", ["web", "layers"])
def test_a_proxy_on_the_same_machine_is_trusted_and_nobody_else_reaches_the_ports(service: str) -> None:
    """Containers see what comes through a published port of this machine from the gateway of their network."""
    (subnet,) = COMPOSE["networks"]["entrance"]["ipam"]["config"]
    trusted = re.fullmatch(
        r"\$\{PORTAL_TRUSTED_PROXIES-([^}]+)\}", SERVICES[service]["environment"]["PORTAL_TRUSTED_PROXIES"]
    )
    assert trusted is not None
    assert trusted[1] == subnet["gateway"]
    assert ip_address(subnet["gateway"]) in ip_network(subnet["subnet"])

    assert SERVICES[service]["environment"]["PORTAL_PROXY_HEADER"] == "${PORTAL_PROXY_HEADER:-x-forwarded-for}"

    (published,) = SERVICES[service]["ports"]
    address, _, port = published.rpartition("}:")
    assert address == "${PORTAL_PUBLISH_ON:-127.0.0.1"
    assert f"server 127.0.0.1:{port.partition(':')[0]};" in (CHECKOUT / "deploy" / "nginx.conf").read_text()


def test_valkey_has_no_rights_and_no_disk() -> None:
    service = SERVICES["wakeups"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["entrypoint"] == ["sh", "/etc/drayage/valkey/start"]
    assert service["volumes"] == ["./deploy/valkey:/etc/drayage/valkey:ro"]
    assert "command" not in service
