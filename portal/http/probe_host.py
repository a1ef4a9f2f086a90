"""Lets probes name this machine as the host. `ALLOWED_HOSTS` has the public host only, and health checks and metrics
are asked for at `127.0.0.1` or the address of a container."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

PATHS = ("/livez", "/readyz", "/metrics")


class ProbeHostMiddleware:
    """Treats a probe's request for `localhost` or an IP address as one for the public host. Other names are checked as
    everywhere: a browser can be led to this machine by any name (DNS rebinding), but not by an address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info in PATHS and _names_a_machine(request.META.get("HTTP_HOST", "")):
            request.META["HTTP_HOST"] = urlsplit(settings.PORTAL_PUBLIC_URL).netloc
        return self.get_response(request)


def _names_a_machine(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ipaddress.ip_address(name))
    except ValueError:
        return False
