"""Which registry a host belongs to: whole labels, plain ASCII, no port of its own."""

from __future__ import annotations

import pytest

from registries.oci.reference import parse
from registries.providers.recognise import recognise

ACCOUNT = "123456789012"


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("docker.io", "docker_hub"),
        ("index.docker.io", "docker_hub"),
        ("registry-1.docker.io", "docker_hub"),
        ("ghcr.io", "ghcr"),
        ("ghcr.io:443", "ghcr"),
        ("GHCR.io", "ghcr"),
        ("quay.io", "quay"),
        ("gcr.io", "google"),
        ("eu.gcr.io", "google"),
        ("europe-west1-docker.pkg.dev", "google"),
        ("us-docker.pkg.dev", "google"),
        ("acme.azurecr.io", "acr"),
        ("acme.azurecr.cn", "acr"),
        ("acme.azurecr.us", "acr"),
        ("acme-g7hkd2.azurecr.io", "acr"),
        ("acme.westeurope.geo.azurecr.io", "acr"),
        (f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com", "ecr"),
        (f"{ACCOUNT}.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "ecr"),
        (f"{ACCOUNT}.dkr-ecr.eu-west-1.on.aws", "ecr"),
        (f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn", "ecr"),
        (f"{ACCOUNT}.dkr.ecr.eusc-de-east-1.amazonaws.eu", "ecr"),
    ],
)
def test_known_hosts(host: str, kind: str) -> None:
    assert recognise(host).kind == kind


@pytest.mark.parametrize(
    "host",
    [
        "registry.example.com:5000",
        "acme.azurecr.io.evil.example",
        "evilazurecr.io",
        "azurecr.io",
        ".azurecr.io",
        "-.azurecr.io",
        "acme.azurecr.io\n",
        "acme.azurecr.io:5000",
        "acmeXazurecr.io",
        "evilghcr.io",
        "ghcr.io.evil.example",
        "ghcrXio",
        "g\u212acr.io",
        "quay.i\u014f",
        "x.quay.io",
        "evilgcr.io",
        "gcr.io:8080",
        "pkg.dev",
        "a.b.pkg.dev",
        "gcr.io.example",
        "notdocker.io",
        f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com.evil.example",
        f"{ACCOUNT}.dkr.ecr.evil.example",
        f"{ACCOUNT}.dkr.ecr.eu-west-1.evil.amazonaws.com",
        f"{ACCOUNT}xdkr.ecr.eu-west-1.amazonaws.com",
        "12345.dkr.ecr.eu-west-1.amazonaws.com",
        "\uff11\uff12\uff13456789012.dkr.ecr.eu-west-1.amazonaws.com",
        "public.ecr.aws",
        "",
    ],
)
def test_anything_else_is_somebody_s_own(host: str) -> None:
    assert recognise(host).kind == "self_hosted"


@pytest.mark.parametrize(
    ("image", "kind"), [("ubuntu", "docker_hub"), ("quay.io/acme/x", "quay"), ("a.b/x", "self_hosted")]
)
def test_from_an_image(image: str, kind: str) -> None:
    assert recognise(parse(image).registry).kind == kind


def test_long_hosts_are_recognized_quickly() -> None:
    assert recognise("a." * 100_000 + "azurecr.io").kind == "self_hosted"
    assert recognise("a-" * 100_000 + "azurecr.io").kind == "self_hosted"
