"""JFrog Artifactory, as a service at *.jfrog.io and on one's own servers.

Identity tokens and access tokens are the password of the user that they belong to (JFrog docs, "User Profile, Identity
Tokens"; API keys have ended). Blocks of Xray and Curation are a 403 whose message names them (git-secret#801,
StatCan/aaw#1744).
"""

from __future__ import annotations

from collections.abc import Mapping

from registries.failures import AuthenticationFailed, CredentialExpired, RegistryRefuses
from registries.oci.errors import Stage
from registries.providers.base import Provider, Section
from registries.providers.checks import Field, Unusable, no_colon
from registries.providers.rules import Rule

_ENDED_KIND = "AKCp"

ARTIFACTORY_WORDS = (
    # Xray is away, or has not looked at the image yet; both end.
    Rule(
        RegistryRefuses,
        statuses=(403,),
        words=("xray is unavailable", "has not been scanned", "is not scanned"),
        case="policy",
        retryable=True,
    ),
    Rule(
        RegistryRefuses,
        statuses=(403,),
        words=("configured in xray", "blocked by xray", "blocked by jfrog", "jfrog curation", "curation policy"),
        case="policy",
    ),
    Rule(
        CredentialExpired,
        stages=(Stage.TOKEN, Stage.PING),
        statuses=(401, 403),
        words=("token failed verification: expired", "token has expired", "token is expired", "token expired"),
        login=True,
    ),
    Rule(
        AuthenticationFailed,
        stages=(Stage.TOKEN, Stage.PING),
        statuses=(401, 403),
        words=("bad credentials", "wrong username was used", "token failed verification", "token verification failed"),
        login=True,
    ),
)
"""What Artifactory says in words of its own, wherever it runs."""


def _no_api_key(values: Mapping[str, str], host: str) -> None:
    if values["password"].strip().startswith(_ENDED_KIND):
        raise Unusable("JFrog has ended API keys (AKCp…); use an identity token", "password")


ARTIFACTORY = Provider(
    kind="artifactory",
    name="JFrog Artifactory",
    section=Section.OWN,
    mark="JF",
    hosts=(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.jfrog\.io",),
    labels=frozenset({"artifactory"}),
    host_help="The first part of the image's name, such as acme.jfrog.io or acme-docker-local.jfrog.io.",
    has_chosen_names=True,
    fields=(
        Field(
            name="username",
            label="User name",
            help="The user that the token belongs to. A user that only has Read on the repository is best.",
            placeholder="drayage-pull",
        ),
        Field(
            name="password",
            label="Identity token",
            help="In the JFrog platform: your user, Edit profile, Generate an Identity token. An access token or the "
            "password works too.",
            secret=True,
        ),
    ),
    checks=(no_colon, _no_api_key),
    rules=ARTIFACTORY_WORDS,
    guide="registries/guides/artifactory.html",
    hints={
        "authentication_failed": "Use the name of the very user that the token belongs to, and a token that has not "
        "expired or been revoked: Edit profile, Identity tokens.",
        "access_denied": "Give the user, or a group of it, the permission Read on the Docker repository: "
        "Administration, User management, Permissions. A virtual repository needs it on the repositories inside as "
        "well.",
        "image_not_found": "See the image under Application, Artifactory, Artifacts. By path it is named "
        "HOST/REPOSITORY/IMAGE, by subdomain REPOSITORY.HOST/IMAGE: use the form that Set me up shows.",
        "registry_refuses": "An Xray or Curation policy blocks the download: see Xray, Watches & Policies, and the "
        "image's Xray data. Fix the image, or have the policy's owner ignore the violation. An image that was just "
        "pushed may still be scanned.",
        "credential_expired": "Generate a new identity token: Edit profile, Identity tokens shows when it ends. Access "
        "tokens of User management have an expiry that their administrator chooses.",
        "rate_limited": "JFrog's cloud, or a proxy before your server, limits requests; it works again after a wait.",
        "credential_malformed": "Enter the user name without a colon, and an identity or access token: API keys "
        "(AKCp…) have ended.",
        "registry_unreachable": "status.jfrog.io tells of outages of JFrog's cloud. A free instance that was not used "
        "is stopped: sign in there to start it.",
    },
)
