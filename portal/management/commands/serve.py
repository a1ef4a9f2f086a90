"""Serves HTTP: `web` for people, programs and nodes, `layers` for the registry that nodes fetch layers from."""

from __future__ import annotations

from wsgiref.types import WSGIApplication

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.core.wsgi import get_wsgi_application

from portal.runtime.http_server import serve
from portal.runtime.layers import only_layers


class Command(BaseCommand):
    help = "Serve HTTP: the portal (web), or only what nodes fetch layers with (layers)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=("web", "layers"))
        parser.add_argument("--host", action="append", help="address to listen on; can be repeated (127.0.0.1)")
        parser.add_argument("--port", type=int, help="port to listen on ($PORT, or $PORTAL_LAYERS_PORT)")

    def handle(self, *args: object, what: str, host: list[str] | None, port: int | None, **options: object) -> None:
        if what == "web":
            from portal import wsgi  # it records that nodes can reach the portal, so only where they can

            application: WSGIApplication = wsgi.application
            default = settings.PORTAL_PORT
        else:
            application, default = only_layers(get_wsgi_application()), settings.PORTAL_LAYERS_PORT
        serve(application, [f"{name}:{port or default}" for name in host or ["127.0.0.1"]])
