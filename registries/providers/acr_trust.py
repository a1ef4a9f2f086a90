"""Azure: an application or managed identity with a federated credential (Microsoft Entra, Workload identity
federation)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from registries.providers.acr import ACR
from registries.providers.checks import Field, Unusable
from registries.providers.trusts import Settings, TrustKind

_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_DOMAIN = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")


@dataclass(frozen=True)
class AzureCloud:
    """One of Azure's clouds: where Entra ID gives tokens, what a federated credential names as audience, and the scope
    of tokens for registries."""

    suffix: str
    login_host: str
    audience: str
    scope: str


CLOUDS = (
    AzureCloud(
        "azurecr.io",
        "login.microsoftonline.com",
        "api://AzureADTokenExchange",
        "https://containerregistry.azure.net/.default",
    ),
    AzureCloud(
        "azurecr.us",
        "login.microsoftonline.us",
        "api://AzureADTokenExchangeUSGov",
        "https://containerregistry.azure.net/.default",
    ),
    AzureCloud(
        "azurecr.cn",
        "login.partner.microsoftonline.cn",
        "api://AzureADTokenExchangeChina",
        "https://containerregistry.azure.net/.default",
    ),
)


def cloud_of(host: str) -> AzureCloud:
    """Return the cloud of a registry. Raises `Unusable` for hosts that aren't Azure's own."""
    plain = host.removesuffix(":443")
    cloud = next((cloud for cloud in CLOUDS if plain.endswith(f".{cloud.suffix}")), None)
    if cloud is None or not ACR.recognises(plain):
        raise Unusable("a trust works with Azure's own hosts: NAME.azurecr.io, .us or .cn", "host")
    return cloud


def _repair(settings: dict[str, str], host: str) -> dict[str, str]:
    cloud_of(host)
    settings = {name: value.lower() for name, value in settings.items()}
    if not _GUID.fullmatch(settings["tenant_id"]) and not _DOMAIN.fullmatch(settings["tenant_id"]):
        raise Unusable("a tenant is a directory ID, or a domain of the tenant", "tenant_id")
    if not _GUID.fullmatch(settings["client_id"]):
        raise Unusable("a client ID has the form e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d", "client_id")
    return settings


def _audience(settings: Settings, host: str) -> str:
    return cloud_of(host).audience


def _answers_at(settings: Settings, host: str) -> tuple[str, ...]:
    return (cloud_of(host).login_host, host)


ACR_TRUST = TrustKind(
    provider=ACR,
    fields=(
        Field(
            name="tenant_id",
            label="Tenant ID",
            help="The directory (tenant) ID on the Overview page of the application or managed identity.",
            placeholder="72f988bf-86f1-41af-91ab-2d7cd011db47",
            limit=255,
        ),
        Field(
            name="client_id",
            label="Client ID",
            help="The application (client) ID on the same page. It isn't the object ID.",
            placeholder="e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d",
            limit=255,
        ),
    ),
    repair=_repair,
    audience_of=_audience,
    answers_at=_answers_at,
    note="Azure compares subjects exactly: each project that uses the trust needs a federated credential of its own.",
)
