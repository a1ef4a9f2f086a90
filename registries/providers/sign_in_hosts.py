"""Where well-known registries have their sign-in service, if that is not their own host.

The login goes there without a member's confirmation, so a row is added only if the two hosts belong to the same owner,
and the service's documentation, its own challenge (`curl -i https://HOST/v2/`) or reports that quote it name the second
one. Anything else is confirmed by a member: `Credential.sign_in_host`.
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
    # The challenge that "Registry authentication" in Docker's documentation quotes
    (r"docker\.io|index\.docker\.io|registry-1\.docker\.io|registry\.hub\.docker\.com", ("auth.docker.io",)),
    # The realm is GitLab's own address and /jwt/auth (GitLab's documentation of the registry; sdk-container-builds#284)
    (r"registry\.gitlab\.com", ("gitlab.com",)),
    # Quoted challenges: DigitalOcean's API
    (r"registry\.digitalocean\.com", ("api.digitalocean.com",)),
    # One registry a region; quoted challenges: Scaleway's API
    (r"rg\.[a-z]{2}-[a-z]{3}\.scw\.cloud", ("api.scaleway.com",)),
    # Alibaba Cloud's list of domain names to allow: dockerauth of the region, and of Enterprise Edition; minikube#13782
    (r"registry\.aliyuncs\.com", ("dockerauth.aliyuncs.com", "dockerauth.cn-hangzhou.aliyuncs.com")),
    (r"registry(-intl)?\.(?P<region>[a-z0-9-]+)\.aliyuncs\.com", _ALIBABA),
    (r"[a-z0-9-]+-registry\.(?P<region>[a-z0-9-]+)\.cr\.aliyuncs\.com", _ALIBABA),
    # Quoted challenges, as in elastic/eui's wiki
    (r"docker\.elastic\.co", ("docker-auth.elastic.co",)),
    # Quoted challenges of both registries, which are SUSE's
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
