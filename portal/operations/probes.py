"""Liveness and readiness, for load balancers and people on call."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from registries.secrets import keyring


def livez(request: HttpRequest) -> HttpResponse:
    """Return 200 while the process runs."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """Return 200 if the database answers and the web zone's keys exist, else 503 with what is missing."""
    missing = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        missing.append("database")
    try:
        keyring.sealing_key()
        keyring.data_key()
    except keyring.KeyUnavailable:
        missing.append("keys")
    return JsonResponse({"ready": not missing, "missing": missing}, status=503 if missing else 200)
