"""What a provider says of itself (OpenID Connect Discovery), read by workers and checked before it is used."""

from __future__ import annotations

from dataclasses import dataclass

from portal.accounts.sso.problems import SignInFailed
from portal.accounts.sso.provider_connection import ProviderConnection

PATH = "/.well-known/openid-configuration"


@dataclass(frozen=True)
class Configuration:
    """The endpoints of a provider. `userinfo` may be empty. `names_issuer`: it adds `iss` to its answers (RFC 9207)."""

    authorization: str
    token: str
    jwks: str
    userinfo: str
    names_issuer: bool
    client_in_body: bool


def read_configuration(connection: ProviderConnection, issuer: str) -> Configuration:
    """Return the configuration of an issuer. Raises SignInFailed."""
    status, document = connection.get(issuer.rstrip("/") + PATH)
    if status != 200:
        raise SignInFailed("sso_discovery_missing")
    if document.get("issuer") != issuer:
        raise SignInFailed("sso_discovery_issuer")
    if "code" not in _texts(document.get("response_types_supported")):
        raise SignInFailed("sso_discovery_incomplete")
    userinfo = document.get("userinfo_endpoint")
    # Without a list, client_secret_basic is what every provider takes.
    methods = _texts(document.get("token_endpoint_auth_methods_supported")) or ["client_secret_basic"]
    return Configuration(
        authorization=_endpoint(connection, document, "authorization_endpoint"),
        token=_endpoint(connection, document, "token_endpoint"),
        jwks=_endpoint(connection, document, "jwks_uri"),
        userinfo=connection.check_endpoint(userinfo) if isinstance(userinfo, str) and userinfo else "",
        names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        client_in_body="client_secret_basic" not in methods and "client_secret_post" in methods,
    )


def _endpoint(connection: ProviderConnection, document: dict[str, object], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise SignInFailed("sso_discovery_incomplete")
    return connection.check_endpoint(value)


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
