"""Sonatype Nexus Repository.

Asks for Basic (`Sonatype Nexus Repository Manager`), or for tokens where the Docker Bearer Token Realm is active
(nexus-public#921; Sonatype Help, "Docker Authentication"). Each repository may have a port of its own. Repository
Firewall quarantines with a 403 "REQUESTED ITEM IS QUARANTINED" (NEXUS-21672).
"""

from __future__ import annotations

from registries.failures import RegistryRefuses
from registries.providers.base import Provider, Section
from registries.providers.checks import Field, no_colon
from registries.providers.rules import Rule

NEXUS_WORDS = (
    Rule(RegistryRefuses, statuses=(403,), words=("item is quarantined", "quarantinedcomponent"), case="policy"),
)
"""What Nexus says in words of its own, wherever it runs."""

NEXUS = Provider(
    kind="nexus",
    name="Sonatype Nexus",
    section=Section.OWN,
    mark="Nx",
    labels=frozenset({"nexus"}),
    host_help="Host name of the Docker repository, with the port of its connector: nexus.example.com:8443.",
    has_chosen_names=True,
    fields=(
        Field(
            name="username",
            label="User name",
            help="A user that may only read the repository, or the user code of its user token.",
            placeholder="drayage-pull",
        ),
        Field(
            name="password",
            label="Password or pass code",
            help="The user's password, or the pass code of the user token.",
            secret=True,
        ),
    ),
    checks=(no_colon,),
    rules=NEXUS_WORDS,
    guide="registries/guides/nexus.html",
    hints={
        "authentication_failed": "Check user name and password, or both codes of the user token: your user, User "
        "Token, Access user token. Some servers take user tokens only, and these can expire.",
        "access_denied": "Give the user a role with nx-repository-view-docker-REPOSITORY-read and -browse. If the user "
        "has it, the administrator may have to activate the Docker Bearer Token Realm: Security, Realms.",
        "image_not_found": "See the image under Browse. Its host and port must be those of the repository's connector, "
        "or its path must begin with the repository's name where routing by path is on.",
        "registry_refuses": "Repository Firewall holds the image in quarantine: see it in IQ Server, Firewall, "
        "Quarantine, and release it or fix it.",
        "rate_limited": "A proxy before Nexus, or the registry behind a proxy repository, limits requests.",
        "credential_malformed": "Enter the user name without a colon, and the password as it is.",
        "registry_unreachable": "The connector's port must answer from the internet, over TLS: try curl "
        "https://HOST:PORT/v2/ from elsewhere. The address of the user interface is another one.",
        "tls_invalid": "Paste the private authority's certificate into the field Certificate authority.",
    },
)
