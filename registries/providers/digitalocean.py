"""DigitalOcean Container Registry: one API token, which is user name and password at once.

"Use a DigitalOcean API token as both the username and the password" (DigitalOcean docs, "Set up CI/CD";
docker/login-action#895). Tokens come from api.digitalocean.com/v2/registry/auth, which answers 400 where there is no
such registry, and 405 to a request without a login for something private.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from registries.failures import AccessDenied, AuthenticationFailed
from registries.oci.errors import Stage
from registries.oci.login import Login
from registries.providers.base import Provider
from registries.providers.checks import Field, Unusable
from registries.providers.rules import Rule

_NOT_A_TOKEN = re.compile(r"(?:DO|do)[A-Z0-9]{18}")


def _token(values: Mapping[str, str], host: str) -> None:
    token = values["password"].strip()
    if ":" in token:
        raise Unusable("an API token has no colon; paste the token alone", "password")
    if _NOT_A_TOKEN.fullmatch(token):
        raise Unusable("that is a key for Spaces; the registry takes an API token (dop_v1_…)", "password")


def _exchange(values: Mapping[str, str], host: str) -> Login:
    return Login(values["password"], values["password"])


DIGITALOCEAN = Provider(
    kind="digitalocean",
    name="DigitalOcean",
    called="DigitalOcean's registry",
    mark="DO",
    hosts=(r"registry\.digitalocean\.com",),
    host="registry.digitalocean.com",
    fields=(
        Field(
            name="password",
            label="API token",
            help="In the control panel: API, Tokens, Generate New Token, with Custom Scopes and registry: read alone. "
            "It begins with dop_v1_.",
            secret=True,
            placeholder="dop_v1_…",
        ),
    ),
    checks=(_token,),
    exchange=_exchange,
    rules=(
        Rule(AccessDenied, stages=(Stage.TOKEN,), statuses=(400,), login=True),
        Rule(AuthenticationFailed, stages=(Stage.TOKEN,), statuses=(405,), login=False, case="none_given"),
    ),
    guide="registries/guides/digitalocean.html",
    hints={
        "authentication_failed": "The token is wrong, expired or deleted: see API, Tokens in the control panel, and "
        "make a new one with the scope registry: read.",
        "access_denied": "The token needs the scope registry: read, and has to belong to the team that owns the "
        "registry. The image is named registry.digitalocean.com/REGISTRY/IMAGE: check that REGISTRY is yours.",
        "image_not_found": "See Container Registry, Repositories in the control panel. Garbage collection removes "
        "images without a tag.",
        "rate_limited": "DigitalOcean limits requests of a token; it works again after a short wait.",
        "credential_malformed": "Paste one API token (dop_v1_…), without a user name: it is both.",
        "registry_unreachable": "status.digitalocean.com tells of outages.",
    },
)
