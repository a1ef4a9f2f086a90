"""Google: a provider of a workload identity pool (Google Cloud, IAM, Workload Identity Federation)."""

from __future__ import annotations

import json
import re

from registries.providers.checks import Field, Unusable
from registries.providers.google import GOOGLE
from registries.providers.trusts import Settings, TrustKind

STS_HOST = "sts.googleapis.com"
IMPERSONATION_HOST = "iamcredentials.googleapis.com"
_ID = r"[a-z0-9](?:[a-z0-9-]{2,30})[a-z0-9]"
_PROVIDER = re.compile(rf"projects/[0-9]{{1,20}}/locations/global/workloadIdentityPools/{_ID}/providers/{_ID}")
_ACCOUNT = re.compile(r"[a-z](?:[a-z0-9-]{4,28})[a-z0-9]@[a-z0-9.-]{1,100}\.iam\.gserviceaccount\.com|"
                      r"[0-9]{1,20}-compute@developer\.gserviceaccount\.com")  # fmt: skip
_BEFORE_PROVIDER = re.compile(r"^(?:https:)?//iam\.googleapis\.com/")
_IMPERSONATED = re.compile(r"/serviceAccounts/([^/:]+):generateAccessToken$")
MAX_FILE_LENGTH = 16 * 1024


def read_settings(text: str) -> dict[str, str]:
    """Return the settings that a configuration file of Google's names (`"type": "external_account"`), empty for any
    other text. Its addresses are ignored, and its source of tokens too."""
    try:
        document = json.loads(text[:MAX_FILE_LENGTH])
        if document.get("type") != "external_account":
            return {}
        audience, url = document.get("audience"), document.get("service_account_impersonation_url") or ""
    except (ValueError, AttributeError, RecursionError):
        return {}
    if not isinstance(audience, str) or not isinstance(url, str):
        return {}
    account = _IMPERSONATED.search(url)
    return {"provider": _BEFORE_PROVIDER.sub("", audience)} | ({"service_account": account[1]} if account else {})


def _repair(settings: dict[str, str], host: str) -> dict[str, str]:
    if not GOOGLE.recognises(host.removesuffix(":443")):
        raise Unusable("Google's hosts have the form LOCATION-docker.pkg.dev, or gcr.io", "host")
    if settings["provider"].startswith("{"):
        settings = settings | read_settings(settings["provider"])
    provider = _BEFORE_PROVIDER.sub("", settings["provider"])
    if not _PROVIDER.fullmatch(provider):
        reason = "it has the form projects/N/locations/global/workloadIdentityPools/P/providers/Q"
        raise Unusable(reason, "provider")
    if "service_account" in settings and not _ACCOUNT.fullmatch(settings["service_account"]):
        raise Unusable("a service account has the form NAME@PROJECT.iam.gserviceaccount.com", "service_account")
    return settings | {"provider": provider}


def _audience(settings: Settings, host: str) -> str:
    return f"https://iam.googleapis.com/{settings['provider']}"


def _answers_at(settings: Settings, host: str) -> tuple[str, ...]:
    return (STS_HOST, IMPERSONATION_HOST) if settings.get("service_account") else (STS_HOST,)


GOOGLE_TRUST = TrustKind(
    provider=GOOGLE,
    fields=(
        Field(
            name="provider",
            label="Workload identity provider",
            help="Its resource name, with the project's number: in the Google Cloud console under IAM & Admin, "
            "Workload Identity Federation, the pool, the provider. The configuration file that Google offers for "
            "download works too; only names are read from it.",
            placeholder="projects/123456789012/locations/global/workloadIdentityPools/drayage/providers/drayage",
            limit=MAX_FILE_LENGTH,
            multiline=True,
        ),
        Field(
            name="service_account",
            label="Service account",
            help="Leave it empty if the pool's identities may read the repository themselves, which Google recommends.",
            placeholder="drayage@acme.iam.gserviceaccount.com",
            optional=True,
            limit=255,
        ),
    ),
    repair=_repair,
    audience_of=_audience,
    answers_at=_answers_at,
)
