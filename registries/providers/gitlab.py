"""GitLab's container registry: gitlab.com and instances of one's own.

Deploy tokens, personal, project and group access tokens ("Authenticate with the container registry", GitLab docs). What
its token service answers is in `JwtController` and `Auth::ContainerRegistryAuthenticationService` of gitlab-org/gitlab:
401 UNAUTHORIZED "HTTP Basic: Access denied" for a wrong login, 403 DENIED "access forbidden" where a login may not read
any registry, 404 UNAVAILABLE where the registry is off. Too many wrong logins from an address get a bare 403 for a
while ("Git and container registry failed authentication ban").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from registries.failures import AccessDenied, AuthenticationFailed, CredentialExpired, RateLimited, RegistryRefuses
from registries.oci.errors import Stage
from registries.providers.base import Provider
from registries.providers.checks import Field, Unusable, no_colon
from registries.providers.rules import Rule

_JOB_USERS = frozenset({"gitlab-ci-token", "$CI_REGISTRY_USER", "$CI_JOB_USER"})
_OTHER_TOKENS = re.compile(r"(?:glrtr?|glptt|glft|glimt|glagent|glsoat|glffct|gloas)-")

GITLAB_WORDS = (
    Rule(CredentialExpired, stages=(Stage.TOKEN,), words=("token is expired", "token has expired"), login=True),
    Rule(AuthenticationFailed, stages=(Stage.TOKEN,), words=("http basic: access denied",)),
    Rule(AccessDenied, stages=(Stage.TOKEN,), statuses=(403,), words=("access forbidden",)),
    Rule(RegistryRefuses, stages=(Stage.TOKEN,), codes=("UNAVAILABLE",), words=("registry not enabled",)),
)
"""What GitLab says in words of its own, wherever it runs."""


def _kind_of_token(values: Mapping[str, str], host: str) -> None:
    username, secret = values["username"].strip(), values["password"].strip()
    if username in _JOB_USERS or secret.startswith("glcbt-"):
        raise Unusable("a CI job token ends with its job; use a deploy token with read_registry", "password")
    if _OTHER_TOKENS.match(secret):
        raise Unusable("that token is not for the registry; use a deploy token (gldt-…)", "password")


GITLAB = Provider(
    kind="gitlab",
    name="GitLab",
    called="GitLab's registry",
    mark="GL",
    hosts=(r"registry\.gitlab\.com",),
    labels=frozenset({"gitlab"}),
    usual_host="registry.gitlab.com",
    host_help="registry.gitlab.com, or the registry of your own instance as the project's page Deploy, Container "
    "registry shows it.",
    has_chosen_names=True,
    fields=(
        Field(
            name="username",
            label="User name",
            help="The user name that GitLab shows with the deploy token; for a personal access token your own. Project "
            "and group access tokens take any name.",
            placeholder="gitlab+deploy-token-4711",
        ),
        Field(
            name="password",
            label="Token",
            help="In the project or group: Settings, Repository, Deploy tokens, with the one scope read_registry. It "
            "begins with gldt-. Access tokens (glpat-…) with read_registry work too.",
            secret=True,
            placeholder="gldt-…",
        ),
    ),
    checks=(no_colon, _kind_of_token),
    rules=(
        *GITLAB_WORDS,
        # The ban after too many wrong logins from one address: no JSON, and over by itself.
        Rule(RateLimited, stages=(Stage.TOKEN,), statuses=(403,), silent=True, case="logins"),
    ),
    guide="registries/guides/gitlab.html",
    hints={
        "authentication_failed": "The token is wrong, expired or revoked, or a password is used where two-factor "
        "authentication is on. Make a deploy token with the scope read_registry: Settings, Repository, Deploy tokens.",
        "access_denied": "The token needs the scope read_registry, and has to belong to the image's project or to a "
        "group above it. For a personal access token, the account must be at least Reporter there.",
        "image_not_found": "See Deploy, Container registry of the project. The image is named after the project's "
        "path: HOST/GROUP/PROJECT or HOST/GROUP/PROJECT/IMAGE, in lower case.",
        "credential_expired": "See when it ends: Settings, Repository, Deploy tokens, or Access tokens. Make a new one "
        "with read_registry; a deploy token can be made without an end.",
        "rate_limited": "GitLab limits requests, and turns an address away for some minutes after many wrong logins.",
        "credential_malformed": "Use the user name and the token of a deploy token (gldt-…), or an access token "
        "(glpat-…) with read_registry. Tokens of CI jobs and runners can't be used from outside.",
        "registry_refuses": "The container registry is off for this project or instance: Settings, General, "
        "Visibility, Container registry.",
        "registry_unreachable": "status.gitlab.com tells of outages of gitlab.com. For your own instance, try curl "
        "https://HOST/v2/ from elsewhere.",
        "host_not_allowed": "An instance of your own gives tokens at its web address, such as gitlab.example.com, "
        "which must be reachable from the internet too.",
    },
)
