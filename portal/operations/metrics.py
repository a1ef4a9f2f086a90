"""`/metrics`: the portal's metrics in Prometheus' text format.

Readable with `PORTAL_METRICS_TOKEN` as a bearer token, by a signed-in operator, and, where no token is set, by programs
on this machine that don't come through a proxy. Everybody else gets 404.
"""

from __future__ import annotations

import hmac

from django.conf import settings
from django.core.cache import caches
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from groups.queries.metrics import GroupMetrics
from portal.http.client_address import is_this_machine

CACHE_SECONDS = 5
"""The database is queried at most once in this time, however often metrics are read."""


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return all metric families."""
    if not _may_read(request):
        raise Http404
    cache = caches["node_calls"]
    text: bytes | None = cache.get("metrics")
    if text is None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(GroupMetrics())
        text = generate_latest(registry)
        cache.set("metrics", text, CACHE_SECONDS)
    return HttpResponse(text, content_type=CONTENT_TYPE_PLAIN_0_0_4, headers={"Cache-Control": "no-store"})


def _may_read(request: HttpRequest) -> bool:
    if settings.PORTAL_METRICS_TOKEN:
        presented = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(presented.encode(), settings.PORTAL_METRICS_TOKEN.encode()):
            return True
    elif is_this_machine(request):
        return True
    return request.user.is_authenticated and request.user.is_superuser
