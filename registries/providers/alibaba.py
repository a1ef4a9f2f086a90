"""Alibaba Cloud Container Registry (ACR), Personal and Enterprise Edition.

The password is the one that is set for the registry, not the console's (Alibaba docs, "Configure access credentials").
Hosts: `registry[-intl].REGION.aliyuncs.com`, `crpi-….REGION.personal.cr.aliyuncs.com`, and
`INSTANCE-registry.REGION.cr.aliyuncs.com`; those with -vpc or -internal answer only within Alibaba's network. Tokens
come from `dockerauth[-ee].REGION.aliyuncs.com` (minikube#13782).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from registries.providers.base import Provider
from registries.providers.checks import Field, Unusable, no_colon

_REGION = r"[a-z]{2}-[a-z]{2,20}(?:-[a-z0-9]{1,20}){0,3}"
_NAME = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_WITHIN = re.compile(r"(?:^|[.-])registry-(?:vpc|internal)[.-]|-(?:vpc|internal)\.")


def _public_endpoint(values: Mapping[str, str], host: str) -> None:
    if _WITHIN.search(host):
        raise Unusable("that is an endpoint within Alibaba's network; use the public one, without -vpc", "host")


ALIBABA = Provider(
    kind="alibaba",
    name="Alibaba Cloud",
    called="Alibaba Cloud's registry",
    mark="Ali",
    hosts=(
        rf"registry(?:-intl)?(?:-vpc|-internal)?\.{_REGION}\.aliyuncs\.com",
        rf"{_NAME}\.{_REGION}\.(?:personal\.)?cr\.aliyuncs\.com",
    ),
    host_help="The public endpoint of the registry, such as registry.eu-central-1.aliyuncs.com or "
    "acme-registry.eu-central-1.cr.aliyuncs.com.",
    fields=(
        Field(
            name="username",
            label="User name",
            help="The account's full name, or of a RAM user name@alias, as the page Access Credential shows it.",
            placeholder="drayage@acme",
        ),
        Field(
            name="password",
            label="Registry password",
            help="Set in the Container Registry console: the instance, Access Credential, Set Password. It is not the "
            "password of the console.",
            secret=True,
        ),
    ),
    checks=(no_colon, _public_endpoint),
    guide="registries/guides/alibaba.html",
    hints={
        "authentication_failed": "Use the password that is set for the registry: the instance, Access Credential. A "
        "temporary token lasts an hour. The user name is the one shown there, with @ for a RAM user.",
        "access_denied": "Give the RAM user cr:PullRepository (or AliyunContainerRegistryReadOnlyAccess) on the "
        "repository. The image is named HOST/NAMESPACE/REPOSITORY: check each part.",
        "image_not_found": "See Repositories of the instance, in the region that the host names.",
        "rate_limited": "Personal Edition limits requests; it works again after a short wait.",
        "credential_malformed": "Enter the public endpoint, the user name of Access Credential and its password.",
        "registry_unreachable": "Enterprise instances answer from the internet only where that is switched on: "
        "Repository, Access Control, Internet, with the portal's address in its list.",
    },
)
