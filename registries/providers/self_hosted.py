"""A registry of one's own: distribution, Harbor, Gitea, GitLab, Nexus, Artifactory and their like.

Basic or Bearer, whichever the registry's `/v2/` asks for.
"""

from __future__ import annotations

from collections.abc import Mapping

from registries.failures import CredentialMalformed
from registries.oci.auth import Login
from registries.providers.base import Field, Provider


def _login(values: Mapping[str, str]) -> Login:
    username, password = values.get("username", ""), values.get("password", "")
    # RFC 7617: the first colon ends the user name, so one inside it would send another name and secret.
    if ":" in username:
        raise CredentialMalformed(host="the registry", reason="a user name can't contain a colon")
    if not username or not password:
        raise CredentialMalformed(host="the registry", reason="both user name and password are needed")
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in username + password):
        raise CredentialMalformed(host="the registry", reason="there is a line break or control character in them")
    return Login(username=username, secret=password)


SELF_HOSTED = Provider(
    kind="self_hosted",
    name="Self-hosted",
    host_help="Host name of the registry, with its port if it isn't 443, such as registry.example.com:5000.",
    fields=(
        Field(
            name="username",
            label="User name",
            help="An account that may only pull is the best choice.",
        ),
        Field(
            name="password",
            label="Password or token",
            help="Encrypted at once for the worker that pulls, then destroyed. Nobody sees it again.",
            secret=True,
        ),
    ),
    login=_login,
    guide="registries/guides/self_hosted.html",
    hints={
        "authentication_failed": "Try the same user name and password with docker login on your own machine.",
        "access_denied": "Ask whoever runs the registry to let this account pull from the repository.",
        "image_not_found": "List the tags with your registry's own page or with skopeo list-tags.",
        "tls_invalid": "A certificate from a public authority such as Let's Encrypt works without more ado.",
    },
)
