"""Which registries have spoken TLS is remembered for every worker, whatever becomes of the row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from groups.ingest.tls_hosts import StoredTlsHosts
from registries import actions
from registries.failures import TlsInvalid
from registries.models import TlsHost
from registries.secrets import tls_notes
from tests.registries.oci.test_tls_hosts import NO_TLS, Registry, sign_in

pytestmark = pytest.mark.django_db
Change = Callable[[str], object]


def refuse(*arguments: object, **options: object) -> None:
    raise PermissionError


@pytest.fixture
def registry() -> Iterator[Registry]:
    """One whose TLS somebody took away."""
    with closing(Registry(NO_TLS)) as made:
        yield made


def test_a_host_is_remembered_by_its_port() -> None:
    for authority in ("registry.internal:5000", "registry.internal", "registry.internal:5000"):
        StoredTlsHosts().note(authority)

    assert [row.host for row in TlsHost.objects.all()] == ["registry.internal", "registry.internal:5000"]
    assert StoredTlsHosts().includes("registry.internal:5000")
    assert not StoredTlsHosts().includes("registry.internal:5001")
    assert not StoredTlsHosts().includes("other.internal")
    assert str(TlsHost.objects.first()) == "registry.internal"


CHANGES: dict[str, Change] = {
    "nothing": lambda host: None,
    "deleted": lambda host: TlsHost.objects.filter(host=host).delete(),
    "renamed": lambda host: TlsHost.objects.filter(host=host).update(host="other"),
    "in capitals": lambda host: TlsHost.objects.filter(host=host).update(host=host.upper() + " "),
    "all deleted": lambda host: TlsHost.objects.all().delete(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_writer_of_the_database_brings_no_credential_to_a_host_that_spoke_tls(
    registry: Registry, change: Change
) -> None:
    StoredTlsHosts().note(registry.host)
    change(registry.host)
    with pytest.raises(TlsInvalid):
        sign_in(registry, "127.0.0.0/8 plain", StoredTlsHosts())
    assert registry.heads == []


def test_where_workers_can_not_write_the_sweeper_notes_it(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tls_notes, "write_once", refuse)
        StoredTlsHosts().note(registry.host)
    assert not tls_notes.includes(registry.host)
    assert StoredTlsHosts().includes(registry.host), "the row counts until then"
    assert actions.note_tls_hosts() == 1
    TlsHost.objects.all().delete()
    assert StoredTlsHosts().includes(registry.host)


def test_a_folder_that_can_not_be_read_lets_nothing_out(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_notes, "includes", refuse)
    with pytest.raises(TlsInvalid):
        sign_in(registry, "127.0.0.0/8 plain", StoredTlsHosts())
    assert registry.heads == []


def test_a_host_that_was_never_seen_is_asked_unencrypted(registry: Registry, tmp_path: Path) -> None:
    sign_in(registry, "127.0.0.0/8 plain", StoredTlsHosts())
    assert registry.credentials
