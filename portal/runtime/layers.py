"""The application of the process that sends layers: the registry and the probes, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from portal.runtime.http_requests import PLAIN_TEXT

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

REGISTRY = "/v2/"
PROBES = ("/livez", "/readyz")


def only_layers(application: WSGIApplication) -> WSGIApplication:
    """Return the application with status 404 for all other paths."""

    def respond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(REGISTRY) or path in PROBES:
            return application(environ, start_response)
        text = b"Only layers are served here.\n"
        start_response("404 Not Found", [*PLAIN_TEXT, ("Content-Length", str(len(text)))])
        return [text]

    return respond
