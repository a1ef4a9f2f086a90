"""Other registries: every host that no kind knows, such as distribution or zot on a machine of one's own.

Basic or Bearer, whichever the registry's `/v2/` asks for. Where one speaks as a known product does, its words count: a
Harbor, an Artifactory or a GitLab is often behind a name that doesn't say so. Stored, and named in the API, as
`self_hosted`.
"""

from __future__ import annotations

from registries.providers.artifactory import ARTIFACTORY_WORDS
from registries.providers.base import Provider, Section
from registries.providers.checks import Field, no_colon
from registries.providers.cloudsmith import CLOUDSMITH_WORDS
from registries.providers.gitea import GITEA_WORDS
from registries.providers.gitlab import GITLAB_WORDS
from registries.providers.harbor import HARBOR_WORDS
from registries.providers.nexus import NEXUS_WORDS

SELF_HOSTED = Provider(
    kind="self_hosted",
    name="Other registry",
    section=Section.OWN,
    mark="Any",
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
    rules=(*HARBOR_WORDS, *ARTIFACTORY_WORDS, *NEXUS_WORDS, *GITLAB_WORDS, *GITEA_WORDS, *CLOUDSMITH_WORDS),
    guide="registries/guides/self_hosted.html",
    hints={
        "authentication_failed": "Try the same user name and password with docker login on your own machine.",
        "access_denied": "Ask whoever runs the registry to let this account pull from the repository.",
        "image_not_found": "List the tags with your registry's own page or with skopeo list-tags.",
        "registry_refuses": "See the image's page at the registry for the rule or quota, or ask whoever runs it.",
        "credential_expired": "Make a new password or token where the registry's accounts are.",
        "rate_limited": "The registry, or a proxy before it, limits how often it answers: its operator can raise that.",
        "credential_malformed": "Enter the user name without a colon, and the password or token as it is.",
        "registry_unreachable": "The host must answer from the internet, over TLS, at the port in the image's "
        "name: try curl https://HOST/v2/ from elsewhere.",
        "tls_invalid": "Paste the private authority's certificate into the field Certificate authority, or get a "
        "certificate from a public one such as Let's Encrypt.",
    },
)
