"""Which zone each process is in, which queues a worker takes from, and what listens where. Nothing is started."""

from __future__ import annotations

import socket
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_django.fixtures import Settings

from portal.runtime import services

COMPOSE = Path(__file__).parents[3] / "compose.yaml"
ZONES = {"web": "web", "layers": "web", "worker": "worker", "worker-short": "worker", "sweeper": "worker"}


def test_only_the_web_process_is_in_the_web_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_check_free", lambda *asked: None)
    zones = {
        child.name: child.environment["PORTAL_ZONE"]
        for child in (
            services.web(),
            services.layers(),
            services.worker(1),
            services.short_worker(),
            services.sweeper(),
        )
    }
    assert zones == {"web": "web", "layers": "web", "worker-1": "worker", "worker-short": "worker", "sweeper": "worker"}


def queues_of(command: list[str]) -> list[str]:
    return [part for part in command[command.index("rqworker") + 1 :] if part[:2] != "--"]


def test_one_worker_never_pulls_so_that_nodes_do_not_wait() -> None:
    for command, takes in (
        (services.worker(1).command, ["sign_ins", "checks", "nodes", "notices", "pulls"]),
        (services.short_worker().command, ["sign_ins", "checks", "nodes", "notices"]),
        (compose()["worker"]["command"], ["sign_ins", "checks", "nodes", "notices", "pulls"]),
        (compose()["worker-short"]["command"], ["sign_ins", "checks", "nodes", "notices"]),
    ):
        assert queues_of(list(command)) == takes


@pytest.mark.parametrize(("is_local", "hosts"), [(True, {"127.0.0.1", "[::1]"}), (False, {"0.0.0.0"})])
def test_a_portal_with_a_local_address_is_reached_from_this_machine_only(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, is_local: bool, hosts: set[str]
) -> None:
    monkeypatch.setattr(services, "_check_free", lambda *asked: None)
    monkeypatch.setattr(type(settings.ENV), "is_local", is_local)
    for child in (services.web(), services.layers()):
        command = list(child.command)
        bound = {command[at + 1] for at, part in enumerate(command) if part == "--host"}
        assert bound
        assert bound <= hosts


def test_a_port_that_is_in_use_is_named_with_its_variable(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings.PORTAL_PORT = settings.PORTAL_LAYERS_PORT = other.getsockname()[1]
        for start, variable in ((services.web, "set PORT "), (services.layers, "set PORTAL_LAYERS_PORT ")):
            with pytest.raises(services.CannotStart, match=variable):
                start()


def test_what_up_warns_of(settings: Settings) -> None:
    assert services.warnings() == [], "of a portal for this machine only"
    settings.ENV = replace(settings.ENV, public_url="https://portal.example", trusted_proxies=[])
    assert [sentence.split(" ", 2)[0] for sentence in services.warnings()] == ["Port", "PORTAL_TRUSTED_PROXIES"]


@cache
def compose() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return services


def test_each_zone_of_the_containers_has_its_own_keys_only() -> None:
    """The web zone can't decrypt what it stores, and only the sweeper makes and deletes keys."""
    keys = {
        name: {volume for volume in service.get("volumes", ()) if "-keys:" in volume}
        for name, service in compose().items()
    }
    assert {name: mounted for name, mounted in keys.items() if mounted} == {
        "keys": {"web-keys:/keys/web", "worker-keys:/keys/worker"},
        "web": {"web-keys:/keys/web:ro"},
        "layers": {"web-keys:/keys/web:ro"},
        "worker": {"web-keys:/keys/web:ro", "worker-keys:/keys/worker:ro"},
        "worker-short": {"web-keys:/keys/web:ro", "worker-keys:/keys/worker:ro"},
        "sweeper": {"web-keys:/keys/web", "worker-keys:/keys/worker"},
    }
    assert {name: compose()[name]["environment"]["PORTAL_ZONE"] for name in ZONES} == ZONES
    assert [name for name, service in compose().items() if "ports" in service] == ["web", "layers"]
    for name in ("web", "layers"):
        assert "blobs:/blobs:ro" in compose()[name]["volumes"]


def test_the_containers_of_the_portal_have_no_rights_that_they_do_not_need() -> None:
    for name in ("keys", *ZONES):
        service = compose()[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
