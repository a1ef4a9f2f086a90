"""The WSGI application. The process also records at intervals that nodes can reach it."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from registries.secrets.private_files import keep_private

keep_private()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()

# These need Django set up.
import structlog  # noqa: E402
from django.conf import settings  # noqa: E402

from groups.nodes.portal_uptime import start_heartbeat_thread  # noqa: E402
from portal.config.exposure import exposure  # noqa: E402

for sentence in exposure(settings.ENV):
    structlog.get_logger(__name__).warning("exposed", detail=sentence)
start_heartbeat_thread()
