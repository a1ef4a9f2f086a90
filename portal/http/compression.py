"""Compresses pages on their way out; static files come compressed already (WhiteNoise).

What may be compressed is narrow, because the length of a compressed answer can tell what stands in it (BREACH): only
pages, only answers to GET. A secret that is shown once stands in the answer to a POST; the form token, which stands in
most pages, is masked anew in each; and Django lengthens each answer at random. Layers and manifests go out as they are.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.middleware.gzip import GZipMiddleware


class PageCompressionMiddleware(GZipMiddleware):
    """Django's, for what is safe to compress."""

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        """Compress a page that answers a GET, and nothing else."""
        is_page = not response.streaming and response.get("Content-Type", "").startswith("text/html")
        if request.method != "GET" or not is_page:
            return response
        return super().process_response(request, response)
