"""Self-hosted registries: distribution, Harbor, Gitea, GitLab, Nexus, Artifactory and others.

Basic or Bearer, whichever the registry's `/v2/` asks for.
"""

from __future__ import annotations

from registries.providers.base import Provider
from registries.providers.checks import Field, no_colon

SELF_HOSTED = Provider(
    kind="self_hosted",
    name="Self-hosted",
    mark="Own",
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
    checks=(no_colon,),
    guide="registries/guides/self_hosted.html",
    hints={
        "authentication_failed": "Try the same user name and password with docker login on your own machine.",
        "access_denied": "Ask whoever runs the registry to let this account pull from the repository.",
        "image_not_found": "List the tags with your registry's own page or with skopeo list-tags.",
        "rate_limited": "The registry, or a proxy before it, limits how often it answers: its operator can raise that.",
        "credential_malformed": "Enter the user name without a colon, and the password or token as it is.",
        "registry_unreachable": "The host must answer from the internet, over TLS, at the port in the image's "
        "name: try curl https://HOST/v2/ from elsewhere.",
        "tls_invalid": "Paste the private authority's certificate into the field Certificate authority, or get a "
        "certificate from a public one such as Let's Encrypt.",
    },
)
