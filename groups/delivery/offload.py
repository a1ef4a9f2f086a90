"""Offloads sending a layer: to nginx with X-Accel-Redirect, or to the object store with a short-lived signed redirect.

The portal can't see the end of such a transfer. It counts how often each layer was offloaded, and ends the session when
the node reports the instance past `downloading`.
"""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now
from django.http import HttpResponse

from groups.delivery.sending import SentBefore
from groups.models import LayerDelivery
from groups.storage import store
from registries.foundation.ids import TokenId

MAX_GRANTS = 5
EMBEDDED, ACCEL, REDIRECT = "embedded", "accel", "redirect"


def is_enabled() -> bool:
    """Whether nginx or the object store sends layers."""
    return bool(settings.PORTAL_DELIVERY != EMBEDDED)


def respond(token_id: TokenId, digest: str, object_name: str, times: int) -> HttpResponse:
    """Count the transfer, and return the response with which nginx or the store sends the blob. `times` is how often
    the manifest lists the layer. Raises SentBefore and `groups.failures.StoreFailed`."""
    _grant(token_id, digest, times)
    if settings.PORTAL_DELIVERY == REDIRECT:
        response = HttpResponse(status=307)
        response.headers["Location"] = store.signed_url(object_name)
        return response
    response = HttpResponse(content_type="application/octet-stream")
    response.headers["X-Accel-Redirect"] = settings.PORTAL_ACCEL_PREFIX + quote(object_name)
    return response


def _grant(token_id: TokenId, digest: str, times: int) -> None:
    delivery, _ = LayerDelivery.objects.get_or_create(token_id=token_id, digest=digest)
    left = LayerDelivery.objects.filter(pk=delivery.pk, grants__lt=MAX_GRANTS * times)
    if not left.update(grants=F("grants") + 1, last_at=Now()):
        raise SentBefore
