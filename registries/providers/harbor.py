"""Harbor: robot accounts, users and CLI secrets.

A robot is named `robot$project+name` (Harbor docs, "Create Project Robot Accounts"; an administrator may choose another
prefix). Harbor gives a token to whoever asks for a repository (`src/core/service/token/creator.go`): one that opens
nothing where the login is wrong or may not read it. Asked without a scope it refuses a wrong login, which tells the two
apart (`registries.oci.auth`). Its policies are 412 PROJECTPOLICYVIOLATION (`src/server/middleware/vulnerable`,
`…/contenttrust`; harbor#19983).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from registries.failures import RegistryRefuses
from registries.providers.base import Provider, Section
from registries.providers.checks import Field, Notice, no_colon
from registries.providers.rules import Rule

_CUT_ROBOT = re.compile(r"robot(?:\+[^+]*)?")
_NOT_SCANNED = ("without vulnerability scanning", "cannot get the image severity", "is not scanned")

HARBOR_WORDS = (
    # The scan that starts with a push ends within minutes (harbor#8958, werf#6123).
    Rule(
        RegistryRefuses,
        codes=("PROJECTPOLICYVIOLATION", "PROJECT_POLICY_VIOLATION"),
        words=_NOT_SCANNED,
        case="policy",
        retryable=True,
    ),
    Rule(RegistryRefuses, codes=("PROJECTPOLICYVIOLATION", "PROJECT_POLICY_VIOLATION"), case="policy"),
)
"""What Harbor says in words of its own, wherever it runs."""


def _cut_robot(values: Mapping[str, str]) -> tuple[Notice, ...]:
    """An administrator may choose a prefix with which such a name is right."""
    if not _CUT_ROBOT.fullmatch(values.get("username", "").strip()):
        return ()
    text = "A robot is usually named robot$PROJECT+NAME, and in double quotes a shell drops what follows the $."
    return (Notice("username", text),)


HARBOR = Provider(
    kind="harbor",
    name="Harbor",
    section=Section.OWN,
    mark="Hbr",
    hosts=(r"demo\.goharbor\.io",),
    labels=frozenset({"harbor"}),
    host_help="Host name of your Harbor, with its port if it isn't 443, such as harbor.example.com.",
    fields=(
        Field(
            name="username",
            label="Robot account",
            help="With its prefix and project, as Harbor shows it. A user name works too.",
            placeholder="robot$team+drayage",
        ),
        Field(
            name="password",
            label="Secret",
            help="The robot's secret, shown once when it is created; for a user who signs in by OIDC, the CLI secret.",
            secret=True,
        ),
    ),
    checks=(no_colon,),
    doubts=_cut_robot,
    rules=HARBOR_WORDS,
    guide="registries/guides/harbor.html",
    hints={
        "authentication_failed": "Copy the robot's name with its prefix (robot$PROJECT+NAME) and its current secret: "
        "Robot Accounts of the project. See there that it is enabled and has not expired.",
        "access_denied": "Give the robot the permission Pull for repositories of the project, under Robot Accounts.",
        "image_not_found": "See Repositories of the project. The image is named HOST/PROJECT/REPOSITORY.",
        "registry_refuses": "A setting of the project blocks it: Configuration, Deployment security. Fix the "
        "vulnerabilities, add them to the CVE allowlist, or sign the image; a project administrator can do that. An "
        "image that was just pushed may still be scanned.",
        "rate_limited": "A proxy before Harbor, or the registry behind a proxy cache project, limits requests.",
        "credential_malformed": "Enter the robot's name whole, with its $ and +. In a shell put it in single quotes.",
        "registry_unreachable": "The host must answer from the internet, over TLS: try curl https://HOST/v2/ from "
        "elsewhere.",
        "host_not_allowed": "Set hostname (external_url) in harbor.yml to the public name with https. Where layers are "
        "in a private object store, set storage_service: redirect: disable: true.",
        "tls_invalid": "Paste Harbor's certificate authority (Registry Certificate, on a project's page) into the "
        "field Certificate authority.",
    },
)
