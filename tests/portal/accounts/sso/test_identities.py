"""Linked identities: ending their sessions confirms nothing that somebody wrote, and which sessions are known."""

from __future__ import annotations

from typing import Any

import pytest

from portal.accounts.sso import identities
from portal.models import LinkedIdentity
from tests.support.identity_providers import SsoBrowser, tell

pytestmark = pytest.mark.django_db


def test_an_altered_identity_gets_no_new_mark(dora: SsoBrowser, alice: Any) -> None:
    LinkedIdentity.objects.update(person=alice)  # past the portal
    row = LinkedIdentity.objects.select_related("provider").get()
    assert not identities.end_identity_sessions(row)
    row.refresh_from_db()
    assert (row.epoch, identities.is_as_left(row)) == (0, False)
    assert dora.client.get("/o/acme/").status_code == 302, "no session is open by it"


def test_signing_in_often_in_one_browser_pushes_out_no_other_session(
    dora: SsoBrowser, lying_issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A logout token may name nothing but the session."""
    provider = LinkedIdentity.objects.get().provider
    monkeypatch.setattr(identities, "MAX_SIDS", 2)
    for sid in ("first", "second", "second", "first", "third"):
        tell(lying_issuer, "", email="dora@acme.example", sid=sid)
        assert SsoBrowser().sign_in("acme").status_code == 302
        assert identities.with_session(provider, "first").exists()
    assert not identities.with_session(provider, "second").exists(), "it was used the longest time ago"
