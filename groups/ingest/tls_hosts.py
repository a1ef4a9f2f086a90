"""Remembers in the database which registries have spoken TLS, for all workers and for good."""

from __future__ import annotations

from registries.models import TlsHost


class StoredTlsHosts:
    """See `registries.oci.tls_hosts.TlsHosts`."""

    def note(self, authority: str) -> None:
        """Remember that the host proved its identity over TLS."""
        TlsHost.objects.bulk_create([TlsHost(host=authority)], ignore_conflicts=True)

    def includes(self, authority: str) -> bool:
        """Whether it ever has."""
        return TlsHost.objects.filter(pk=authority).exists()
