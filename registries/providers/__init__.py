"""The kinds of registry that are offered, one declarative file each, in the order in which they are shown."""

from registries.providers.acr import ACR
from registries.providers.alibaba import ALIBABA
from registries.providers.artifactory import ARTIFACTORY
from registries.providers.base import Provider
from registries.providers.checks import Field, Notice
from registries.providers.cloudsmith import CLOUDSMITH
from registries.providers.digitalocean import DIGITALOCEAN
from registries.providers.distroless import DISTROLESS
from registries.providers.docker_hub import DOCKER_HUB
from registries.providers.ecr import ECR
from registries.providers.ecr_public import ECR_PUBLIC
from registries.providers.ghcr import GHCR
from registries.providers.gitea import GITEA
from registries.providers.gitlab import GITLAB
from registries.providers.google import GOOGLE
from registries.providers.harbor import HARBOR
from registries.providers.kubernetes import KUBERNETES
from registries.providers.lscr import LSCR
from registries.providers.mcr import MCR
from registries.providers.nexus import NEXUS
from registries.providers.ocir import OCIR
from registries.providers.quay import QUAY
from registries.providers.scaleway import SCALEWAY
from registries.providers.self_hosted import SELF_HOSTED

PROVIDERS: dict[str, Provider] = {
    provider.kind: provider
    for provider in (
        DOCKER_HUB,
        GHCR,
        ECR,
        GOOGLE,
        ACR,
        QUAY,
        GITLAB,
        DIGITALOCEAN,
        OCIR,
        SCALEWAY,
        ALIBABA,
        CLOUDSMITH,
        HARBOR,
        ARTIFACTORY,
        NEXUS,
        GITEA,
        SELF_HOSTED,
        ECR_PUBLIC,
        MCR,
        KUBERNETES,
        DISTROLESS,
        LSCR,
    )
}

__all__ = ["PROVIDERS", "Field", "Notice", "Provider"]
