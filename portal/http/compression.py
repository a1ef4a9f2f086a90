"""Compresses pages. Static files are compressed already (WhiteNoise); layers and manifests are sent as they are.

Only pages in response to a GET are compressed, because the length of a compressed response can reveal its content
(BREACH). Secrets that are shown once are in responses to a POST; the form token, which most pages contain, is masked
with another mask each time; and Django adds padding of random length.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class PageCompressionMiddleware(GZipMiddleware):
    """Django's middleware, for responses that are safe to compress."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress a page in response to a GET, and nothing else."""
        is_page = not response.streaming and response.get("Content-Type", "").startswith("text/html")
        if request.method != "GET" or not is_page:
            return response
        return super().process_response(request, response)
