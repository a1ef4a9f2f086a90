"""The WSGI application. The process also records at intervals that nodes can reach it."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from registries.secrets.private_files import keep_private

keep_private()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()

from groups.nodes.portal_uptime import start_heartbeat_thread  # noqa: E402 (it needs Django set up)

start_heartbeat_thread()
