"""Gitea and Forgejo, such as Codeberg.

Access tokens with read permission for packages are the password of their user (Gitea docs, "Container Registry"). The
token service is at the instance's ROOT_URL (`routers/api/packages/container`), which is often wrong behind a proxy
(gitea#33227). Its words are the names of its middlewares: "authGroup.Verify" for a wrong login, "reqPackageAccess" for
a missing permission (gitea#31531, gitea#33732).
"""

from __future__ import annotations

from registries.failures import AccessDenied, AuthenticationFailed
from registries.oci.errors import Stage
from registries.providers.base import Provider, Section
from registries.providers.checks import Field, no_colon
from registries.providers.rules import Rule

GITEA_WORDS = (
    Rule(AccessDenied, words=("reqpackageaccess",)),
    Rule(AuthenticationFailed, stages=(Stage.PING, Stage.TOKEN), words=("authgroup.verify",), login=True),
)
"""What Gitea and Forgejo say in words of their own, wherever they run."""

GITEA = Provider(
    kind="gitea",
    name="Gitea or Forgejo",
    section=Section.OWN,
    mark="Git",
    hosts=(r"codeberg\.org", r"gitea\.com"),
    labels=frozenset({"gitea", "forgejo"}),
    host_help="Host name of the instance, such as git.example.com or codeberg.org.",
    has_chosen_names=True,
    fields=(
        Field(
            name="username",
            label="User name",
            help="The user that the token belongs to.",
            placeholder="acme-builds",
        ),
        Field(
            name="password",
            label="Access token",
            help="On your instance: Settings, Applications, Generate new token, with the permission package: Read.",
            secret=True,
        ),
    ),
    checks=(no_colon,),
    rules=GITEA_WORDS,
    guide="registries/guides/gitea.html",
    hints={
        "authentication_failed": "The token is wrong or deleted, or lacks the permission package: Read, without which "
        "it can't sign in. With two-factor authentication, a password does not work.",
        "access_denied": "The token's user must be the package's owner or, in an organization, in a team that may read "
        "packages. Packages of another user can be read only where that profile is public.",
        "image_not_found": "See Packages of the owner. The image is named HOST/OWNER/IMAGE, in lower case.",
        "rate_limited": "The instance, or a proxy before it, limits requests: its operator can raise that.",
        "credential_malformed": "Enter the user name, not the email address, and the access token as it is.",
        "registry_unreachable": "The host must answer from the internet, over TLS: try curl https://HOST/v2/ from "
        "elsewhere. Behind a proxy, /v2 must be passed on, at the root of the host.",
        "host_not_allowed": "The instance names its own address as the sign-in service: ROOT_URL in app.ini, section "
        "server, must be its public https address.",
        "tls_invalid": "Paste the private authority's certificate into the field Certificate authority.",
    },
)
