"""Whether the process lives, and whether it can serve: for load balancers and people on call."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from registries.secrets import keyring


def livez(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process runs."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when the database answers and the web zone's keys are there, else 503 with what is missing."""
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
