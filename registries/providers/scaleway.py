"""Scaleway Container Registry: the secret key of an API key; the user name counts for nothing.

`docker login rg.REGION.scw.cloud -u nologin` (Scaleway docs, "Connect to the Container Registry with the Docker CLI").
Tokens come from api.scaleway.com (apple/container#2268), which answers 404 where there is no such namespace.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from registries.failures import AccessDenied
from registries.oci.errors import Stage
from registries.oci.login import Login
from registries.providers.base import Provider
from registries.providers.checks import Field, Unusable
from registries.providers.rules import Rule

_USER = "nologin"
_ACCESS_KEY = re.compile(r"SCW[A-Z0-9]{17}")


def _secret_key(values: Mapping[str, str], host: str) -> None:
    if _ACCESS_KEY.fullmatch(values["password"].strip()):
        raise Unusable("that is the access key (SCW…); paste the secret key that belongs to it", "password")


def _exchange(values: Mapping[str, str], host: str) -> Login:
    return Login(_USER, values["password"])


SCALEWAY = Provider(
    kind="scaleway",
    name="Scaleway",
    called="Scaleway's registry",
    mark="SCW",
    hosts=(r"rg\.[a-z]{2}-[a-z]{3}\.scw\.cloud",),
    host_help="The registry of the namespace's region, such as rg.fr-par.scw.cloud.",
    fields=(
        Field(
            name="password",
            label="Secret key",
            help="In the Scaleway console: IAM, API keys, Generate API key, of an application with the permission set "
            "ContainerRegistryReadOnly. The secret key is shown once.",
            secret=True,
            placeholder="xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
        ),
    ),
    checks=(_secret_key,),
    exchange=_exchange,
    rules=(Rule(AccessDenied, stages=(Stage.TOKEN,), statuses=(404,)),),
    guide="registries/guides/scaleway.html",
    hints={
        "authentication_failed": "The API key was deleted or has expired, or the access key was pasted instead of the "
        "secret key: see IAM, API keys, and generate a new one.",
        "access_denied": "A policy must give the key's application ContainerRegistryReadOnly on the project. Scaleway "
        "answers so too where there is no such namespace: the image is named rg.REGION.scw.cloud/NAMESPACE/IMAGE.",
        "image_not_found": "See the namespace under Containers, Container Registry, in the region that the host names.",
        "rate_limited": "Scaleway limits requests; it works again after a short wait.",
        "credential_malformed": "Paste the secret key alone. A user name is not needed.",
        "registry_unreachable": "Check the region in the host; status.scaleway.com tells of outages.",
    },
)
