"""Registry credentials in a request. They are sealed before anything else happens to them, and never returned."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from groups.api.schemas.base import LINE, Shape
from groups.api.schemas.no_secrets import NO_SECRET_AS_USER

MAX_HOST_LENGTH = 300
Secret = Annotated[SecretStr, Field(min_length=1, max_length=10_000)]
_Name = Annotated[str, Field(min_length=1, max_length=10_000, pattern=LINE)]
User = Annotated[_Name, NO_SECRET_AS_USER]


class ContainerRegistryAuthenticationBasic(Shape):
    """A user name with a password or token: Azure, GitHub, Quay, your own registry, and any other registry that
    accepts such a pair."""

    username: User
    password: Secret
    sign_in_host: Annotated[
        str | None,
        Field(
            max_length=MAX_HOST_LENGTH,
            description="The other host, with its port if it isn't 443, at which the registry signs in, such as "
            "git.example.com for registry.git.example.com. Naming it confirms that the credential may be sent there, "
            "over TLS, when the registry asks for it.",
        ),
    ] = None


class ContainerRegistryAuthenticationDockerHub(Shape):
    username: User
    personal_access_token: Secret


class ContainerRegistryAuthenticationGcpGar(Shape):
    service_key: Secret


class ContainerRegistryAuthenticationGcpGcr(Shape):
    service_key: Secret


class ContainerRegistryAuthenticationAwsEcr(Shape):
    """An AWS access key. The region is taken from the image's host."""

    access_key_id: _Name
    secret_access_key: Secret


class ContainerRegistryAuthentication(Shape):
    """Exactly one of these."""

    basic: ContainerRegistryAuthenticationBasic | None = None
    docker_hub: ContainerRegistryAuthenticationDockerHub | None = None
    gcp_gar: ContainerRegistryAuthenticationGcpGar | None = None
    gcp_gcr: ContainerRegistryAuthenticationGcpGcr | None = None
    aws_ecr: ContainerRegistryAuthenticationAwsEcr | None = None
