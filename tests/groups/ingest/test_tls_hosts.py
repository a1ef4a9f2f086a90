"""Which registries have spoken TLS is remembered in the database, for every worker."""

from __future__ import annotations

import pytest

from groups.ingest.tls_hosts import StoredTlsHosts
from registries.models import TlsHost


@pytest.mark.django_db
def test_a_host_is_remembered_by_its_port() -> None:
    for authority in ("registry.internal:5000", "registry.internal", "registry.internal:5000"):
        StoredTlsHosts().note(authority)

    assert [row.host for row in TlsHost.objects.all()] == ["registry.internal", "registry.internal:5000"]
    assert StoredTlsHosts().includes("registry.internal:5000")
    assert not StoredTlsHosts().includes("registry.internal:5001")
    assert not StoredTlsHosts().includes("other.internal")
    assert str(TlsHost.objects.first()) == "registry.internal"
