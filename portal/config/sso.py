"""The identity provider of the whole portal: `PORTAL_SSO_…`."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from portal.config.secret_files import SecretEnv
from portal.config.values import EnvironmentInvalid, words


@dataclass(frozen=True)
class SsoEnvironment:
    """The whole portal's identity provider; `issuer` is empty where there is none."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    domains: list[str]


def read_sso(env: SecretEnv) -> SsoEnvironment:
    """Return the identity provider that the environment names. Raises EnvironmentInvalid if half of it is missing."""
    issuer, client_id = env.str("PORTAL_SSO_ISSUER", ""), env.str("PORTAL_SSO_CLIENT_ID", "")
    if bool(issuer) != bool(client_id):
        raise EnvironmentInvalid("PORTAL_SSO_ISSUER and PORTAL_SSO_CLIENT_ID are set together")
    if issuer and urlsplit(issuer).scheme not in ("http", "https"):
        raise EnvironmentInvalid("PORTAL_SSO_ISSUER needs the form https://host[/path], as the provider says it")
    return SsoEnvironment(
        issuer=issuer,
        client_id=client_id,
        client_secret=env.str("PORTAL_SSO_CLIENT_SECRET", ""),
        name=env.str("PORTAL_SSO_NAME", "") or "single sign-on",
        domains=[domain.lower() for domain in words(env, "PORTAL_SSO_DOMAINS")],
    )
