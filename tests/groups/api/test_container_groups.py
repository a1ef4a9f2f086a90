"""Requests for container groups: what is kept, what is given back, what is refused, and what is never shown."""

from __future__ import annotations

from typing import Any

import pytest

from groups.models import ContainerGroup, Image
from groups.rules.sealed_settings import open_environment, open_options
from registries.models import Credential
from tests.portal.api.conftest import CONTAINERS, a_group

SECRET = "canary-5e1f-secret"  # pragma: allowlist secret

pytestmark = pytest.mark.django_db


def test_a_group_is_made_and_read_back(speaks: Any) -> None:
    speaker = speaks()

    made = speaker.post(CONTAINERS, a_group())

    assert made.status_code == 201, made.content
    group = ContainerGroup.objects.get()
    answer = made.json()
    assert answer["id"] == str(group.pk)
    assert answer["current_state"]["status"] == "pending"
    assert answer["container"]["image"] == "registry.example.com/team/app:1.0"
    assert speaker.get(f"{CONTAINERS}/app").json() == answer
    assert speaker.get(CONTAINERS).json() == {"items": [answer]}


def test_what_nodes_cannot_do_is_kept_returned_and_named(speaks: Any) -> None:
    speaker = speaks()
    probe = {"tcp": {"port": 80}, "failure_threshold": 3, "initial_delay_seconds": 0, "period_seconds": 10}
    probe |= {"success_threshold": 1, "timeout_seconds": 30}
    asked = a_group(
        display_name="My App, 1.0",
        country_codes=["de", "no"],
        liveness_probe=probe,
        networking={"auth": True, "port": 8080, "protocol": "http"},
        queue_autoscaler={"desired_queue_length": 5, "max_replicas": 10, "min_replicas": 0},
        queue_connection={"path": "/run", "port": 80, "queue_name": "jobs"},
        **{"scaling-actions": [{"replicas": 3, "schedule": "0 8 * * 1-5"}], "scheduled-scaling-enabled": True},
        container={
            "priority": "batch",
            "image_caching": True,
            "resources": {"cpu": 2, "memory": 2048, "gpu_classes": None, "shm_size": 128, "storage_amount": 2**31},
            "logging": {"axiom": {"host": "logs.example.com", "api_token": SECRET, "dataset": "app"}},
        },
    )

    answer = speaker.post(CONTAINERS, asked).json()

    for name in ("display_name", "country_codes", "liveness_probe", "queue_autoscaler", "queue_connection"):
        assert answer[name] == asked[name], name
    assert answer["scaling-actions"] == asked["scaling-actions"]
    assert answer["scheduled-scaling-enabled"] is True
    assert answer["priority"] == "batch"
    assert answer["networking"]["port"] == 8080
    assert answer["networking"]["dns"].endswith(".invalid")
    assert answer["container"]["resources"] == {
        "cpu": 2, "memory": 2048, "gpu_classes": [], "shm_size": 128, "storage_amount": 2**31,
    }  # fmt: skip
    shown = answer["current_state"]["description"]
    for name in ("liveness_probe", "networking", "container.logging", "country_codes", "container.priority"):
        assert name in shown
    assert SECRET not in str(answer)
    kept = ContainerGroup.objects.get().options
    assert kept
    assert SECRET.encode() not in bytes(kept)


def test_a_mask_that_comes_back_keeps_the_secret(speaks: Any) -> None:
    speaker = speaks()
    logging = {"splunk": {"host": "splunk.example.com", "token": SECRET}}
    speaker.post(CONTAINERS, a_group(container={"logging": logging, "environment_variables": {"A": "1", "B": "2"}}))
    logged = speaker.get(f"{CONTAINERS}/app").json()["container"]["logging"]
    logged["splunk"]["host"] = "other.example.com"

    changed = speaker.patch(
        f"{CONTAINERS}/app", {"container": {"logging": logged, "environment_variables": {"A": None, "C": "3"}}}
    )

    assert changed.status_code == 200, changed.content
    group = ContainerGroup.objects.get()
    assert open_options(group)["logging"]["splunk"] == {"host": "other.example.com", "token": SECRET}
    assert open_environment(group) == {"B": "2", "C": "3"}
    assert changed.json()["version"] == 2


def test_a_key_that_only_reads_sees_no_values(speaks: Any) -> None:
    speaks().post(CONTAINERS, a_group(container={"environment_variables": {"TOKEN": SECRET}}))

    shown = speaks("read").get(f"{CONTAINERS}/app")

    assert list(shown.json()["container"]["environment_variables"]) == ["TOKEN"]
    assert SECRET.encode() not in shown.content


@pytest.mark.parametrize(
    ("image", "given", "provider", "fields"),
    [
        ("registry.example.com/a/b:1", {"basic": {"username": "u", "password": SECRET}}, "self_hosted", ["username"]),
        ("acme.azurecr.io/a/b:1", {"basic": {"username": "u", "password": SECRET}}, "acr", ["username"]),
        ("ghcr.io/acme/b:1", {"basic": {"username": "u", "password": SECRET}}, "ghcr", ["username"]),
        ("registry.gitlab.com/acme/b:1", {"basic": {"username": "u", "password": SECRET}}, "gitlab", ["username"]),
        ("harbor.example.com/a/b:1", {"basic": {"username": "robot$a+u", "password": SECRET}}, "harbor", ["username"]),
        ("registry.digitalocean.com/a/b:1", {"basic": {"username": "u", "password": SECRET}}, "digitalocean", []),
        ("mcr.microsoft.com/a/b:1", {"basic": {"username": "u", "password": SECRET}}, "self_hosted", ["username"]),
        ("quay.io/acme/b:1", {"basic": {"username": "acme+bot", "password": SECRET}}, "quay", ["username"]),
        (
            "europe-docker.pkg.dev/p/r/b:1",
            {"basic": {"username": "_json_key", "password": SECRET}},
            "self_hosted",
            ["username"],
        ),
        (
            "acme/b:1",
            {"docker_hub": {"username": "acme", "personal_access_token": SECRET}},
            "docker_hub",
            ["username"],
        ),
        ("gcr.io/p/b:1", {"gcp_gcr": {"service_key": "ya29." + SECRET}}, "google", []),
        ("europe-docker.pkg.dev/p/r/b:1", {"gcp_gar": {"service_key": "ya29." + SECRET}}, "google", []),
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/b:1",
            {"aws_ecr": {"access_key_id": "AKIAABCDEFGHIJKLMNOP", "secret_access_key": "canary5e1fsecretcanary5e1f"}},
            "ecr",
            ["access_key_id"],
        ),
    ],
)
def test_each_way_to_sign_in_to_a_registry(
    speaks: Any, image: str, given: dict[str, Any], provider: str, fields: list[str]
) -> None:
    answer = speaks().post(CONTAINERS, a_group(container={"image": image, "registry_authentication": given}))

    assert answer.status_code == 201, answer.content
    credential = Credential.objects.get()
    assert (credential.provider, sorted(credential.fields)) == (provider, fields)
    assert ContainerGroup.objects.get().image.credential_id == credential.pk
    for secret in (SECRET.encode(), b"canary5e1f", b"registry_authentication"):
        assert secret not in answer.content


@pytest.mark.parametrize(
    ("named", "host"),
    [
        ("git.example.com", "git.example.com"),
        ("GIT.example.com:443", "git.example.com"),
        (None, ""),
        ("registry.git.example.com:443", ""),
    ],
)
def test_a_program_may_name_where_the_registry_signs_in(speaks: Any, named: str | None, host: str) -> None:
    """containers/image#1972: without a page that asks."""
    given = {"basic": {"username": "u", "password": SECRET, "sign_in_host": named}}
    image = "registry.git.example.com/a/b:1"
    answer = speaks().post(CONTAINERS, a_group(container={"image": image, "registry_authentication": given}))
    assert answer.status_code == 201, answer.content
    credential = Credential.objects.get()
    assert (credential.sign_in_host, sorted(credential.fields)) == (host, ["username"])


@pytest.mark.parametrize(
    ("container", "field"),
    [
        ({"image": "Not A Name"}, "container.image"),
        (
            {"registry_authentication": {"basic": {"username": "u", "password": SECRET, "sign_in_host": "10.0.0.1"}}},
            "container.registry_authentication.basic.sign_in_host",
        ),
        (
            {"registry_authentication": {"basic": {"username": "u", "password": SECRET, "sign_in_host": SECRET}}},
            "container.registry_authentication.basic.sign_in_host",
        ),
        ({"image": "localhost:6379/a/b:1"}, "container.image"),
        (
            {"registry_authentication": {"docker_hub": {"username": "u", "personal_access_token": SECRET}}},
            "container.registry_authentication.docker_hub",
        ),
        (
            {"registry_authentication": {"basic": {"username": "u:v", "password": SECRET}}},
            "container.registry_authentication.basic.username",
        ),
        (
            {
                "registry_authentication": {
                    "basic": {"username": "u", "password": SECRET},
                    "gcp_gar": {"service_key": SECRET},
                }
            },
            "container.registry_authentication",
        ),
        (
            {
                "image": "ghcr.io/acme/b:1",
                "registry_authentication": {"basic": {"username": "u", "password": "github_pat_" + SECRET}},
            },
            "container.registry_authentication.basic.password",
        ),
        ({"resources": {"cpu": "1", "memory": 1024}}, "container.resources.cpu"),
        ({"resources": {"cpu": 1, "memory": 1}}, "container.resources.memory"),
        ({"command": ["a\nb"]}, "container.command.0"),
        ({"environment_variables": {"A-B": SECRET}}, "container.environment_variables.A-B.[key]"),
        ({"priority": "urgent"}, "container.priority"),
    ],
)
def test_what_is_wrong_is_named_and_no_value_repeated(speaks: Any, container: dict[str, Any], field: str) -> None:
    answer = speaks().post(CONTAINERS, a_group(container=container))

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["field"] == field, answer.json()
    assert SECRET.encode() not in answer.content
    assert not ContainerGroup.objects.exists()
    assert not Credential.objects.exists()


def test_the_address_of_a_page_is_no_name(speaks: Any) -> None:
    answer = speaks().post(CONTAINERS, a_group(name="new"))

    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "name_reserved", "name")
    assert not ContainerGroup.objects.exists()


def test_the_same_request_again_gets_the_same_group(speaks: Any) -> None:
    speaker = speaks()
    asked = a_group(container={"registry_authentication": {"basic": {"username": "u", "password": SECRET}}})

    first, second = (speaker.post(CONTAINERS, asked) for _ in range(2))

    assert second.status_code == 201
    assert second.json() == first.json()
    assert ContainerGroup.objects.count() == Credential.objects.count() == Image.objects.count() == 1
    assert speaker.post(CONTAINERS, a_group(replicas=2)).json()["code"] == "name_taken"
