"""The jobs of stock workers, the peers: one request, nothing else."""

from __future__ import annotations

import http.client


def touch(host: str, path: str = "/v2/") -> None:
    """Ask for the root, or for a path, and read what comes."""
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", path)
    connection.getresponse().read()
    connection.close()
