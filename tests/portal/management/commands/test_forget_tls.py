"""`manage.py forget_tls`."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from groups.ingest.tls_hosts import StoredTlsHosts
from registries.secrets import tls_notes

HOST = "registry.internal:5000"


def run(host: str = HOST) -> str:
    out = StringIO()
    call_command("forget_tls", host, stdout=out)
    return out.getvalue()


@pytest.fixture(autouse=True)
def hosts(db: None) -> StoredTlsHosts:
    found = StoredTlsHosts()
    found.note(HOST)
    return found


def test_a_host_is_forgotten(
    hosts: StoredTlsHosts, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert f"credentials may be sent to {HOST} unencrypted" in run()
    assert not hosts.includes(HOST)
    with pytest.raises(CommandError, match="not known"):
        run()


def test_the_web_zone_is_told_where_to_run_it(hosts: StoredTlsHosts, settings: Settings) -> None:
    settings.PORTAL_ZONE = "web"
    with pytest.raises(CommandError, match="where the workers' keys are"):
        run()
    settings.PORTAL_ZONE = "all"
    assert hosts.includes(HOST)


def test_a_note_that_can_not_be_deleted(
    hosts: StoredTlsHosts,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    def refuse(authority: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("registries.actions.transaction.on_commit", lambda deed: deed())
    monkeypatch.setattr(tls_notes, "forget", refuse)
    with pytest.raises(CommandError, match=r"Permission denied\. Run this again"):
        run()
    assert hosts.includes(HOST)
