"""Google Artifact Registry, which also serves the hosts of the former Container Registry.

Hosts: `LOCATION-docker.pkg.dev`, the regional endpoints `docker.REGION.rep.pkg.dev` (as in the list of
docker-credential-gcr), `gcr.io` and `REGION.gcr.io`.

Only the account and its private key are taken from a service account key. The addresses in it are replaced by Google's
own.
"""

from __future__ import annotations

from collections.abc import Mapping

from registries.failures import CredentialMalformed, RegistryRefuses
from registries.oci.errors import Stage
from registries.oci.login import Login
from registries.providers.base import Provider
from registries.providers.checks import Field
from registries.providers.google_key import MAX_KEY_LENGTH, is_access_token, normalize_key
from registries.providers.rules import Rule


def _repair(values: dict[str, str]) -> dict[str, str]:
    return values | {"key": normalize_key(values["key"])}


def _exchange(values: Mapping[str, str], host: str) -> Login:
    key = values["key"]
    return Login("oauth2accesstoken" if is_access_token(key) else "_json_key", key)


GOOGLE = Provider(
    kind="google",
    name="Google Artifact Registry",
    mark="GAR",
    hosts=(
        r"gcr\.io",
        r"(?!k8s\.)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)gcr\.io",
        r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)pkg\.dev",
        r"docker\.[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?\.rep\.pkg\.dev",
    ),
    host_help="The first part of the image's name, such as europe-west1-docker.pkg.dev, or gcr.io.",
    fields=(
        Field(
            name="key",
            label="Service account key (JSON)",
            help="In the Google Cloud console: IAM & Admin, Service Accounts, the account, Keys, Add key, Create new "
            "key, JSON. Paste the whole content of the file; its base64 form works too.",
            secret=True,
            placeholder='{"type": "service_account", …}',
            multiline=True,
            limit=MAX_KEY_LENGTH,
        ),
    ),
    repair=_repair,
    exchange=_exchange,
    rules=(
        Rule(
            CredentialMalformed,
            stages=(Stage.TOKEN, Stage.PING),
            words=("unable to parse json key",),
            reason="Google could not read the service account key",
        ),
        Rule(
            RegistryRefuses,
            statuses=(403,),
            words=("requires billing to be enabled", "billing has not been enabled", "billing account"),
            case="payment",
        ),
        # A perimeter of VPC Service Controls
        Rule(
            RegistryRefuses,
            statuses=(403,),
            words=("vpcservicecontrols", "prohibited by organization's policy"),
            case="policy",
        ),
    ),
    guide="registries/guides/google.html",
    hints={
        "trust_refused": "In IAM & Admin, Workload Identity Federation, see the provider: issuer, attribute mapping "
        "google.subject = assertion.sub, and attribute condition. The page of the trust has them, filled in.",
        "authentication_failed": "The key was deleted or disabled, or the service account is: see its Keys in IAM & "
        "Admin, Service Accounts, and create a new JSON key. An access token lives for an hour at most.",
        "access_denied": "Give the service account the role Artifact Registry Reader (roles/artifactregistry.reader) "
        "on the repository. Google answers so too where nothing of that name exists: the image is named "
        "LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE; check each part, and that the Artifact Registry API is "
        "enabled in the project.",
        "image_not_found": "See the image under Artifact Registry, Repositories. Its name has the form "
        "LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE.",
        "registry_refuses": "If it asks for billing, enable it for the project of the repository, and see that the "
        "Artifact Registry API is enabled there. A perimeter of VPC Service Controls needs an ingress rule for the "
        "service account.",
        "rate_limited": "The project's quota of requests a minute is used up: see Quotas for Artifact Registry.",
        "credential_malformed": "Paste the JSON file of a service account key just as it was downloaded. Logins of "
        "people (authorized_user) and workload identity federation (external_account) can't be used here.",
        "registry_unreachable": "Check the location in the host, such as europe-west1-docker.pkg.dev; "
        "status.cloud.google.com tells of outages.",
    },
)
