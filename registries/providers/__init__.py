"""The kinds of registry that are offered, one declarative file each, in the order in which they are shown."""

from registries.providers.acr import ACR
from registries.providers.base import Provider
from registries.providers.checks import Field, Notice
from registries.providers.docker_hub import DOCKER_HUB
from registries.providers.ecr import ECR
from registries.providers.ghcr import GHCR
from registries.providers.google import GOOGLE
from registries.providers.quay import QUAY
from registries.providers.self_hosted import SELF_HOSTED

PROVIDERS: dict[str, Provider] = {
    provider.kind: provider for provider in (DOCKER_HUB, GHCR, ECR, GOOGLE, ACR, QUAY, SELF_HOSTED)
}

__all__ = ["PROVIDERS", "Field", "Notice", "Provider"]
