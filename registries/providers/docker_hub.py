"""Docker Hub. Its images are named without a host, its tokens come from another one."""

from __future__ import annotations

from collections.abc import Mapping

from registries.failures import RateLimited, RegistryUnreachable
from registries.oci.errors import Stage
from registries.providers.base import Provider
from registries.providers.checks import Field, Unusable, no_colon
from registries.providers.rules import Rule


def _no_email(values: Mapping[str, str], host: str) -> None:
    if "@" in values["username"]:
        raise Unusable("Docker Hub wants the user name here, not the e-mail address", "username")


DOCKER_HUB = Provider(
    kind="docker_hub",
    name="Docker Hub",
    mark="Hub",
    hosts=(r"docker\.io", r"index\.docker\.io", r"registry-1\.docker\.io", r"registry\.hub\.docker\.com"),
    host="docker.io",
    has_chosen_names=True,
    fields=(
        Field(
            name="username",
            label="Docker ID",
            help="The user name of your account, not your e-mail address; for an organization access token, the "
            "organization's name.",
            placeholder="acme",
        ),
        Field(
            name="password",
            label="Access token",
            help="On hub.docker.com: Account settings, Personal access tokens, Generate new token, with the permission "
            "Read-only. It begins with dckr_pat_ or, of an organization, dckr_oat_.",
            secret=True,
            placeholder="dckr_pat_…",
        ),
    ),
    checks=(_no_email, no_colon),
    rules=(
        # The token service has its own format of error bodies: {"details": "…"}.
        Rule(RateLimited, stages=(Stage.TOKEN,), words=("too many failed login attempts",)),
        # A proxy in front of the token service refuses whole IP addresses, whatever the credentials.
        Rule(
            RegistryUnreachable,
            stages=(Stage.TOKEN,),
            statuses=(403,),
            silent=True,
            case="answer",
            reason="its token service turned us away before it looked at the credentials",
        ),
    ),
    guide="registries/guides/docker_hub.html",
    hints={
        "authentication_failed": "Enter the Docker ID, not the e-mail address, and a personal access token that is "
        "active and not expired. A password does not work where two-factor or single sign-on is required.",
        "access_denied": "Docker Hub says the same for a repository that is private and one that does not exist: check "
        "the spelling, that this Docker ID is a collaborator or in a team with Read permission, and that the token's "
        "scope covers private repositories (Read-only, not Public repo read-only).",
        "image_not_found": "See the Tags page of the repository on hub.docker.com. A name of one part, such as "
        "ubuntu, means library/ubuntu.",
        "rate_limited": "Without credentials Docker Hub counts the pulls of an address, ours, that others share. With "
        "the token of an account, or of one with a paid plan, the limit is higher.",
        "credential_malformed": "Docker ID and access tokens stand on hub.docker.com under Account settings.",
        "registry_unreachable": "www.dockerstatus.com tells whether Docker Hub has an outage.",
    },
)
