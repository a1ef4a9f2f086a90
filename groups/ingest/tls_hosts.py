"""Remembers which registries have spoken TLS, for all workers and for good.

The note in the workers' folder counts (`registries.secrets.tls_notes`), because a writer of the database can delete the
row. The row is what operators see, and what other workers' notes are completed from.
"""

from __future__ import annotations

import structlog

from registries.models import TlsHost
from registries.secrets import tls_notes

log = structlog.get_logger(__name__)


class StoredTlsHosts:
    """See `registries.oci.tls_hosts.TlsHosts`."""

    def note(self, authority: str) -> None:
        """Remember that the host proved its identity over TLS. Where the folder can't be written, the sweeper notes
        it."""
        TlsHost.objects.bulk_create([TlsHost(host=authority)], ignore_conflicts=True)
        try:
            tls_notes.note(authority)
        except OSError as error:
            log.warning("tls_host_not_noted", error=type(error).__name__)

    def includes(self, authority: str) -> bool:
        """Whether it ever has. A folder that can't be read counts as yes: nothing is sent unencrypted then."""
        try:
            return tls_notes.includes(authority) or TlsHost.objects.filter(pk=authority).exists()
        except OSError as error:
            log.error("tls_hosts_not_readable", error=type(error).__name__)
            return True
