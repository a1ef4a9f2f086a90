"""That a registry has spoken TLS is noted in the worker zone, and forgotten on demand."""

from __future__ import annotations

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from portal.models import Organization
from registries import actions
from registries.foundation.actor import CONSOLE
from registries.models import TlsHost
from registries.secrets import tls_notes
from tests.registries.conftest import HOST
from tests.support.activity import recorded


def test_the_sweeper_notes_which_registries_have_spoken_tls(
    acme: Organization, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError

    for port in (5000, 5001):
        TlsHost.objects.create(host=f"registry.internal:{port}")
    with monkeypatch.context() as patch:
        patch.setattr(tls_notes, "write_once", refuse)
        assert actions.note_tls_hosts() == 0
        assert not tls_notes.includes("registry.internal:5001")
    settings.PORTAL_ZONE = "web"
    assert actions.note_tls_hosts() == 0
    settings.PORTAL_ZONE = "worker"
    assert (actions.note_tls_hosts(), actions.note_tls_hosts()) == (2, 0)
    assert tls_notes.includes("registry.internal:5001")


@pytest.mark.parametrize("known_from", ["row", "note", "both"])
def test_that_a_registry_has_spoken_tls_is_forgotten(
    acme: Organization, known_from: str, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    if known_from != "note":
        TlsHost.objects.create(host=HOST)
    if known_from != "row":
        tls_notes.note(HOST)
    with django_capture_on_commit_callbacks(execute=True):
        assert actions.forget_tls(HOST, by=CONSOLE)
    assert not TlsHost.objects.exists()
    assert not tls_notes.includes(HOST)
    assert not actions.forget_tls(HOST, by=CONSOLE)
    assert [row[1] for row in recorded()] == ["registry.tls_forgotten"]
