"""The table of sign-in hosts: exact names, each of the registry's own owner."""

from __future__ import annotations

import pytest

from registries.providers.sign_in_hosts import sign_in_hosts


@pytest.mark.parametrize(
    ("registry", "host"),
    [
        ("docker.io", "auth.docker.io"),
        ("registry-1.docker.io", "auth.docker.io"),
        ("registry.hub.docker.com", "auth.docker.io"),
        pytest.param("registry.gitlab.com", "gitlab.com", id="dotnet/sdk-container-builds#284"),
        ("registry.digitalocean.com", "api.digitalocean.com"),
        ("rg.fr-par.scw.cloud", "api.scaleway.com"),
        ("rg.nl-ams.scw.cloud", "api.scaleway.com"),
        ("registry.aliyuncs.com", "dockerauth.cn-hangzhou.aliyuncs.com"),
        pytest.param(
            "registry.cn-hangzhou.aliyuncs.com", "dockerauth.cn-hangzhou.aliyuncs.com", id="kubernetes/minikube#13782"
        ),
        ("registry.cn-shanghai.aliyuncs.com", "dockerauth.cn-hangzhou.aliyuncs.com"),
        ("registry-intl.eu-central-1.aliyuncs.com", "dockerauth.eu-central-1.aliyuncs.com"),
        ("acme-registry.ap-southeast-1.cr.aliyuncs.com", "dockerauth-ee.ap-southeast-1.aliyuncs.com"),
        ("acme-registry.cn-zhangjiakou.cr.aliyuncs.com", "dockerauth-cn-zhangjiakou.aliyuncs.com"),
        ("docker.elastic.co", "docker-auth.elastic.co"),
        ("registry.suse.com", "scc.suse.com"),
        ("registry.rancher.com", "scc.suse.com"),
    ],
)
def test_well_known_services(registry: str, host: str) -> None:
    assert host in sign_in_hosts(registry)


@pytest.mark.parametrize(
    "registry",
    [
        "registry.git.example",
        "gitlab.com",
        "registry.gitlab.com.evil.example",
        "xregistry.gitlab.com",
        "registry.gitlab.com:5000",
        "registryxgitlab.com",
        "registry.acme.gitlab-dedicated.com",
        "registry.aliyuncs.com.evil.example",
        "registry.evil.example.aliyuncs.com",
        "rg.evil.scw.cloud",
        "docker.io\n",
        "REGISTRY.GITLAB.COM",
        "",
    ],
)
def test_everything_else_is_for_a_member_to_confirm(registry: str) -> None:
    assert sign_in_hosts(registry) == ()


def test_a_table_names_hosts_alone() -> None:
    """No scheme, port, path or placeholder: an https address at its own port is meant."""
    for registry in ("docker.io", "acme-registry.cn-beijing.cr.aliyuncs.com"):
        for host in sign_in_hosts(registry):
            assert host == host.lower()
            assert not set(host) & set(":/\\<>")
