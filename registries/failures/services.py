"""The three services that a pull meets, and how texts name them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypedDict


class Service(StrEnum):
    """Which service of a registry was asked: itself, the one that gives tokens, or the one that sends layers after a
    redirect. They may have the same host."""

    REGISTRY = "registry"
    SIGN_IN = "sign_in"
    STORAGE = "storage"


class Where(TypedDict):
    """The parameters of a failure that say where it was met: the registry that was meant, `host`, which of its services
    was asked, and at which `host[:port]`, `met`."""

    host: str
    service: str
    met: str


def registry_itself(host: str) -> Where:
    """Return the parameters for the registry at `host`, where no other service was asked."""
    return {"host": host, "service": Service.REGISTRY, "met": host}


def where_met(params: Mapping[str, object]) -> dict[str, str]:
    """Return `service` and `host` of a stored failure for programs: which service it was, and the `host[:port]` that
    was asked. Empty where it is about none."""
    service, met = str(params.get("service") or ""), str(params.get("met") or "")
    return {"service": service, "host": met} if service in list(Service) and met else {}


_PARTS = {
    Service.REGISTRY: "the registry",
    Service.SIGN_IN: "the registry's sign-in service",
    Service.STORAGE: "the registry's storage",
}
_NO_REDIRECT = ", or turn off its redirect, so that the registry sends the layers itself"


def names_of(params: Mapping[str, object]) -> dict[str, str]:
    """Return the values of the placeholders that name the service by a failure's `service`, `met` and `host`.

    `{part}` is the service without its host: "the registry's storage". `{who}` names it with the host that was met and
    the registry that it belongs to: "the storage minio.example:9000 of the registry harbor.example". `{Part}` and
    `{Who}` begin a sentence. `{place}` is the host alone, and `{cloud}` the cloud that exchanges tokens.
    `{or_no_redirect}` is another way out for a storage.
    """
    host = str(params.get("host") or "")
    met = str(params.get("met") or host)
    name = str(params.get("service"))
    service = Service(name) if name in list(Service) else Service.REGISTRY
    part = _PARTS[service]
    if service is Service.REGISTRY or not host:
        who = f"{part} {host or met}".rstrip()
        if met != host and host:
            who += f" (at {met})"
    else:
        label = "sign-in service" if service is Service.SIGN_IN else "storage"
        who = f"the {label} {met} of the registry {host}" if met != host else f"the {label} of the registry {host}"
    cloud = str(params.get("cloud") or "the registry's cloud")
    return {
        "part": part,
        "Part": _capital(part),
        "who": who,
        "Who": _capital(who),
        "place": met or "…",
        "or_no_redirect": _NO_REDIRECT if service is Service.STORAGE else "",
        "cloud": cloud,
        "Cloud": _capital(cloud),
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
