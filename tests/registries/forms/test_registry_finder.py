"""What a pasted text says about the registry."""

from __future__ import annotations

import pytest

from registries.forms.registry_finder import find_registry


@pytest.mark.parametrize(
    ("text", "kind", "host"),
    [
        ("registry.gitlab.com/acme/app:1.0", "gitlab", "registry.gitlab.com"),
        ("  ghcr.io/acme/app@sha256:" + "a" * 64, "ghcr", "ghcr.io"),
        ("acme.azurecr.io", "acr", "acme.azurecr.io"),
        ("registry.example.com:5000", "self_hosted", "registry.example.com:5000"),
        ("registry.example.com:5000/team/app", "self_hosted", "registry.example.com:5000"),
        ("https://harbor.example.com/team/app", "harbor", "harbor.example.com"),
        ("docker pull quay.io/acme/app", "quay", "quay.io"),
        ("docker login registry.digitalocean.com", "digitalocean", "registry.digitalocean.com"),
        ("registry.hub.docker.com/acme/app", "docker_hub", "docker.io"),
        ("acme/app:1.0", "docker_hub", "docker.io"),
        ("ubuntu", "docker_hub", "docker.io"),
        ("nginx:1.25", "docker_hub", "docker.io"),
        ("nginx:1", "docker_hub", "docker.io"),
        ("python:3.12-slim", "docker_hub", "docker.io"),
        ("gcr.io/distroless/static-debian12", "distroless", "gcr.io"),
        ("gcr.io/acme-prod/app", "google", "gcr.io"),
        ("https://gitlab.com/acme/app/container_registry/123", "gitlab", "registry.gitlab.com"),
        ("https://github.com/acme/app", "ghcr", "ghcr.io"),
        ("https://eu-west-1.console.aws.amazon.com/ecr/home?region=eu-west-1", "ecr", ""),
        ("https://harbor.example.com/harbor/projects/4/repositories", "harbor", "harbor.example.com"),
        ("https://registry.example.com:5000/v2/_catalog", "self_hosted", "registry.example.com:5000"),
    ],
)
def test_texts(text: str, kind: str, host: str) -> None:
    found = find_registry(text)
    assert found is not None
    assert (found[0].kind, found[1]) == (kind, host)


@pytest.mark.parametrize("text", ["", "  ", "what is this?", "a.b/C", "x" * 5000, "https://", "ghcr.io:x"])
def test_what_can_not_be_read(text: str) -> None:
    assert find_registry(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.canary7f3aNryP4J3jVmNHl0w5N",
        "registry.example.com alice canary-7f3a-secret",
        "alice:canary-7f3a-secret@registry.example.com/team/app",
    ],
)
def test_a_secret_is_not_put_into_an_address(text: str) -> None:
    assert find_registry(text) is None
