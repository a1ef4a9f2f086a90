"""What podman and skopeo refuse ("parsing image configuration") is refused, and what they take is taken."""

from __future__ import annotations

import pytest

from registries.oci.config_types import unreadable_field


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"created": None, "author": None, "config": None, "history": None},
        {"created": "1970-01-01T00:00:01+00:00"},  # nix
        {"created": "0001-01-01T00:00:00Z"},  # Bazel
        {"created": "2026-11-30T10:11:12.123456789Z", "os.version": "10.0", "os.features": ["win32k"]},
        {"config": {"Env": None, "Cmd": ["a"], "Entrypoint": [], "ExposedPorts": {"80/tcp": {}, "81": None}}},
        {"config": {"Labels": {"a": "b", "c": None}, "Volumes": {"/a": {}}, "ArgsEscaped": True}},
        {"config": {"Healthcheck": {"Test": 1}, "OnBuild": "x", "Hostname": 5}, "container_config": {"Env": "x"}},
        {"history": [{"created_by": "RUN x", "empty_layer": True}, {}, None], "docker_version": 20},
    ],
)
def test_clients_can_read_it(document: dict[str, object]) -> None:
    assert unreadable_field(document) == ""


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ({"created": ""}, "created"),
        ({"created": "now"}, "created"),
        ({"created": 1700000000}, "created"),
        ({"created": "2026-13-01T00:00:00Z"}, "created"),
        ({"created": "2026-11-30 10:11:12"}, "created"),
        ({"author": ["a"]}, "author"),
        ({"os.features": "x"}, "os.features"),
        ({"config": []}, "config"),
        ({"config": {"Env": "PATH=/bin"}}, "config.Env"),
        ({"config": {"env": {"PATH": "/bin"}}}, "config.env"),
        ({"config": {"Cmd": "run"}}, "config.Cmd"),
        ({"config": {"Entrypoint": [1]}}, "config.Entrypoint"),
        ({"config": {"ExposedPorts": ["80/tcp"]}}, "config.ExposedPorts"),
        ({"config": {"Volumes": {"/a": ""}}}, "config.Volumes"),
        ({"config": {"Labels": {"a": 1}}}, "config.Labels"),
        ({"config": {"User": 1000}}, "config.User"),
        ({"config": {"ArgsEscaped": "true"}}, "config.ArgsEscaped"),
        ({"history": "x"}, "history"),
        ({"history": [{}, 5]}, "history"),
        ({"history": [{"created_by": 5}]}, "history.created_by"),
        ({"History": [{"empty_layer": "no"}]}, "history.empty_layer"),
        ({"history": [{"created": ""}]}, "history.created"),
    ],
)
def test_clients_can_not_read_it(document: dict[str, object], name: str) -> None:
    assert unreadable_field(document) == name
