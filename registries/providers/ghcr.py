"""GitHub's container registry. Wrong credentials are a 403 at its token service, not a 401."""

from __future__ import annotations

from collections.abc import Mapping

from registries.failures import AccessDenied, AuthenticationFailed, RegistryRefuses, RegistryUnreachable
from registries.oci.errors import Stage
from registries.providers.base import Provider
from registries.providers.checks import Field, Unusable, no_colon
from registries.providers.rules import Rule


def _classic_token(values: Mapping[str, str], host: str) -> None:
    if values["password"].strip().startswith("github_pat_"):
        raise Unusable("ghcr.io takes no fine-grained token (github_pat_…); use a classic one", "password")


GHCR = Provider(
    kind="ghcr",
    name="GitHub",
    called="GitHub's registry",
    mark="GH",
    hosts=(r"ghcr\.io",),
    host="ghcr.io",
    has_chosen_names=True,
    fields=(
        Field(
            name="username",
            label="GitHub user name",
            help="The user name of the account that made the token.",
            placeholder="octocat",
        ),
        Field(
            name="password",
            label="Personal access token (classic)",
            help="On github.com: Settings, Developer settings, Personal access tokens, Tokens (classic), with the one "
            "scope read:packages. It begins with ghp_; fine-grained tokens (github_pat_…) don't work with ghcr.io.",
            secret=True,
            placeholder="ghp_…",
        ),
    ),
    checks=(no_colon, _classic_token),
    rules=(
        Rule(RegistryRefuses, statuses=(403,), words=("billing issue", "billing problem"), case="payment"),
        Rule(AccessDenied, words=("permission_denied", "saml", "single sign-on", "ip allow list")),
        # A page or nothing is from what stands before it, which has not looked at the credentials.
        Rule(
            RegistryUnreachable,
            stages=(Stage.TOKEN,),
            statuses=(403,),
            silent=True,
            case="answer",
            reason="its token service turned us away before it looked at the credentials",
        ),
        Rule(AuthenticationFailed, stages=(Stage.TOKEN,), statuses=(403,), login=True),
    ),
    guide="registries/guides/ghcr.html",
    hints={
        "authentication_failed": "The token is wrong, expired or revoked, or lacks the scope read:packages: GitHub "
        "answers the same to all of these. Make a new classic token with read:packages.",
        "access_denied": "Under the package's settings, Manage access, give the account (or its team) the role Read. "
        "If the organization uses SAML single sign-on, authorise the token for it: Tokens (classic), Configure SSO. "
        "If it has an IP allow list, the portal's address must be on it.",
        "image_not_found": "See the package's page under Packages of the user or organization on github.com. The name "
        "is ghcr.io/owner/image, in lower case.",
        "rate_limited": "Wait a few minutes. With a token GitHub allows more than without.",
        "credential_malformed": "Use a classic token (ghp_…) with the scope read:packages; fine-grained tokens "
        "(github_pat_…) are not accepted by ghcr.io.",
        "registry_unreachable": "www.githubstatus.com tells whether GitHub Packages has an outage.",
    },
)
