"""Oracle Cloud Infrastructure Registry.

The user name begins with the tenancy namespace, and the password is an auth token (Oracle docs, "Pushing Images Using
the Docker CLI"). A login that it does not know is treated as nobody's: "Anonymous users are only allowed read access on
public repos" (oracle/docker-images#2551).
"""

from __future__ import annotations

from collections.abc import Mapping

from registries.failures import AuthenticationFailed, ImageNotFound
from registries.oci.errors import Stage
from registries.providers.base import Provider
from registries.providers.checks import Field, Unusable, no_colon
from registries.providers.rules import Rule

_BEARER_USER = "BEARER_TOKEN"
_REGION = r"[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?"


def _namespaced(values: Mapping[str, str], host: str) -> None:
    username, secret = values["username"].strip(), values["password"].strip()
    if "/" not in username and username != _BEARER_USER:
        raise Unusable("it begins with the tenancy namespace: NAMESPACE/USER", "username")
    if username.startswith("ocid1.") or "/ocid1." in username:
        raise Unusable("enter namespace and user name, not their OCIDs", "username")
    if secret.startswith("-----BEGIN"):
        raise Unusable("the registry takes an auth token, not an API signing key", "password")


OCIR = Provider(
    kind="ocir",
    name="Oracle Cloud (OCIR)",
    called="Oracle Cloud's registry",
    mark="OCI",
    hosts=(
        rf"{_REGION}\.ocir\.io",
        rf"ocir\.{_REGION}\.oci\.(?:oraclecloud\.com|oraclecloud\.eu|oraclegovcloud\.com|oraclegovcloud\.uk)",
    ),
    host_help="The registry of the image's region: fra.ocir.io, or ocir.eu-frankfurt-1.oci.oraclecloud.com.",
    fields=(
        Field(
            name="username",
            label="User name",
            help="The tenancy namespace, a slash, and your user: NAMESPACE/USER. With an identity domain: "
            "NAMESPACE/DOMAIN/USER; a federated user of old tenancies: NAMESPACE/oracleidentitycloudservice/USER.",
            placeholder="axk2bcd4efgh/drayage-pull",
        ),
        Field(
            name="password",
            label="Auth token",
            help="In the Oracle Cloud console: your profile, User settings, Auth tokens, Generate token. It is shown "
            "once.",
            secret=True,
        ),
    ),
    checks=(no_colon, _namespaced),
    rules=(
        Rule(AuthenticationFailed, words=("anonymous users are only allowed",), login=True),
        Rule(
            AuthenticationFailed, stages=(Stage.TOKEN,), statuses=(401, 403), words=("unknown user", "bad credentials")
        ),
        Rule(ImageNotFound, stages=(Stage.MANIFEST, Stage.TAGS), words=("repo does not exist", "repository not found")),
    ),
    guide="registries/guides/ocir.html",
    hints={
        "authentication_failed": "The user name needs its tenancy namespace first (NAMESPACE/USER, see Tenancy "
        "details), and with an identity domain its name between. The password is an auth token, not the console's "
        "password.",
        "access_denied": "A policy must allow it: Allow group GROUP to read repos in compartment COMPARTMENT. The "
        "image is named REGION.ocir.io/NAMESPACE/REPOSITORY; check each part.",
        "image_not_found": "See Developer Services, Container Registry in the console, in the image's region and "
        "compartment.",
        "rate_limited": "Oracle throttles requests of a tenancy; it works again after a short wait.",
        "credential_malformed": "Enter NAMESPACE/USER, and an auth token of that user.",
        "registry_unreachable": "Check the region in the host; ocistatus.oraclecloud.com tells of outages.",
    },
)
