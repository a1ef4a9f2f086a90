"""Where well-known registries have their sign-in service, if that is not their own host.

The login goes there without a member's confirmation, so a row is added only for a service whose documentation, or its
own challenge (`curl -i https://HOST/v2/`), names the host, and whose two hosts belong to the same owner. Anything else
is confirmed by a member: `Credential.sign_in_host`.
"""

from __future__ import annotations

import re

_ALIBABA = (
    "dockerauth.aliyuncs.com",
    "dockerauth.cn-hangzhou.aliyuncs.com",
    r"dockerauth.\g<region>.aliyuncs.com",
    r"dockerauth-\g<region>.aliyuncs.com",
    r"dockerauth-ee.\g<region>.aliyuncs.com",
)

_SIGN_IN_HOSTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    # docs.docker.com/reference/api/registry/auth
    (r"docker\.io|index\.docker\.io|registry-1\.docker\.io|registry\.hub\.docker\.com", ("auth.docker.io",)),
    # docs.gitlab.com/administration/packages/container_registry: the realm is GitLab's own address and /jwt/auth
    (r"registry\.gitlab\.com", ("gitlab.com",)),
    # docs.gitlab.com/subscriptions/gitlab_dedicated: the registry of a tenant's instance
    (r"registry\.(?P<tenant>[a-z0-9-]+)\.gitlab-dedicated\.com", (r"\g<tenant>.gitlab-dedicated.com",)),
    # docs.digitalocean.com/reference/api: GET /v2/registry/auth
    (r"registry\.digitalocean\.com", ("api.digitalocean.com",)),
    # scaleway.com/en/docs/container-registry: one registry a region, with Scaleway's API as token service
    (r"rg\.[a-z]{2}-[a-z]{3}\.scw\.cloud", ("api.scaleway.com",)),
    # alibabacloud.com/help/en/acr and /ack, domain names to allow: dockerauth of the region, and of Enterprise Edition
    (r"registry\.aliyuncs\.com", ("dockerauth.aliyuncs.com", "dockerauth.cn-hangzhou.aliyuncs.com")),
    (r"registry(-intl)?\.(?P<region>[a-z0-9-]+)\.aliyuncs\.com", _ALIBABA),
    (r"[a-z0-9-]+-registry\.(?P<region>[a-z0-9-]+)\.cr\.aliyuncs\.com", _ALIBABA),
    (r"crpi-[a-z0-9]+\.(?P<region>[a-z0-9-]+)\.personal\.cr\.aliyuncs\.com", _ALIBABA),
    # github.com/elastic/eui, wiki: docker login docker.elastic.co
    (r"docker\.elastic\.co", ("docker-auth.elastic.co",)),
    # documentation.suse.com, Customer Center; the challenge of both registries
    (r"registry\.suse\.com|registry\.rancher\.com", ("scc.suse.com",)),
)


def sign_in_hosts(registry: str) -> tuple[str, ...]:
    """Return the hosts that are known to sign in for a registry (canonical `host[:port]`), in addition to its own.
    Whole names are compared, and a registry at a port of its own is nobody's service."""
    for pattern, hosts in _SIGN_IN_HOSTS:
        found = re.fullmatch(pattern, registry, re.ASCII)
        if found is not None:
            return tuple(found.expand(host) for host in hosts)
    return ()
