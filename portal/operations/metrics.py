"""`/metrics`: the portal's figures in Prometheus' text format, for those who run it.

Whoever has `PORTAL_METRICS_TOKEN` as a bearer token, an operator who is signed in, and a program on this very machine
that asks without a proxy between. Everybody else gets the 404 of a page that isn't there.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address

from django.conf import settings
from django.core.cache import caches
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from groups.queries.metrics import GroupMetrics

KEPT_SECONDS = 5
"""So often at most the database is asked, however often somebody reads."""


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with all families."""
    if not _may_read(request):
        raise Http404
    cache = caches["node_calls"]
    text: bytes | None = cache.get("metrics")
    if text is None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(GroupMetrics())
        text = generate_latest(registry)
        cache.set("metrics", text, KEPT_SECONDS)
    return HttpResponse(text, content_type=CONTENT_TYPE_PLAIN_0_0_4, headers={"Cache-Control": "no-store"})


def _may_read(request: HttpRequest) -> bool:
    if settings.PORTAL_METRICS_TOKEN:
        presented = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(presented.encode(), settings.PORTAL_METRICS_TOKEN.encode()):
            return True
    elif _is_from_here(request):
        return True
    return request.user.is_authenticated and request.user.is_superuser


def _is_from_here(request: HttpRequest) -> bool:
    """Whether the caller is on this machine. A proxy on it says for whom it asks, and is not meant."""
    if any(
        name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-Ip", "Via")
    ):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
