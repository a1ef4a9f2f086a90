"""The empty job of the wake-up's peer: one request, nothing else."""

from __future__ import annotations

import http.client


def touch(host: str) -> None:
    """Ask for the root."""
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", "/v2/")
    connection.getresponse().read()
    connection.close()
