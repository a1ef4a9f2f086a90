"""Which registry a host belongs to: whole labels, plain ASCII, no port of its own."""

from __future__ import annotations

import pytest

from registries.oci.reference import parse
from registries.providers.recognise import recognise, service_key

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
        ("docker.europe-west3.rep.pkg.dev", "google"),
        ("marketplace.gcr.io", "google"),
        ("registry.hub.docker.com", "docker_hub"),
        ("registry.gitlab.com", "gitlab"),
        ("registry.gitlab.example.com", "gitlab"),
        ("gitlab.example.com:5050", "gitlab"),
        ("harbor.example.com", "harbor"),
        ("demo.goharbor.io", "harbor"),
        ("acme.jfrog.io", "artifactory"),
        ("acme-docker-local.jfrog.io", "artifactory"),
        ("artifactory.example.com", "artifactory"),
        ("nexus.example.com:8443", "nexus"),
        ("codeberg.org", "gitea"),
        ("forgejo.example.com", "gitea"),
        ("registry.digitalocean.com", "digitalocean"),
        ("fra.ocir.io", "ocir"),
        ("eu-frankfurt-1.ocir.io", "ocir"),
        ("ocir.eu-frankfurt-1.oci.oraclecloud.com", "ocir"),
        ("rg.nl-ams.scw.cloud", "scaleway"),
        ("registry.cn-hangzhou.aliyuncs.com", "alibaba"),
        ("registry-intl.eu-central-1.aliyuncs.com", "alibaba"),
        ("crpi-0vsre5argteykh9m.cn-guangzhou.personal.cr.aliyuncs.com", "alibaba"),
        ("acme-registry.cn-hangzhou.cr.aliyuncs.com", "alibaba"),
        ("docker.cloudsmith.io", "cloudsmith"),
        ("public.ecr.aws", "ecr_public"),
        ("mcr.microsoft.com", "mcr"),
        ("registry.k8s.io", "kubernetes"),
        ("lscr.io", "lscr"),
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
        "docker.rep.pkg.dev",
        "docker.a.b.rep.pkg.dev",
        "registry.hub.docker.com.evil.example",
        "registry.gitlab.com.evil.example",
        "evilregistry.gitlab.com",
        "acme.b.jfrog.io",
        "jfrog.io",
        "registry.digitalocean.com:5000",
        "fra.ocir.io.evil.example",
        "ocir.io",
        "rg.fr-par.scw.cloud.evil.example",
        "rg.x.scw.cloud",
        "registry.aliyuncs.com",
        "oss-cn-hangzhou.aliyuncs.com",
        "harbor-of-evil.example",
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


def test_only_a_service_that_many_share_is_counted_by_its_kind() -> None:
    """Two Harbors have nothing in common but their software."""
    assert service_key("registry.gitlab.com") == service_key("registry.gitlab.com:443") == "gitlab"
    own = [service_key(host) for host in ("harbor.acme.example", "harbor.bolt.example", "codeberg.org", "gitea.com")]
    assert len({*own, "harbor", "gitea"}) == 6
