"""Rows of a release that stored digests without a key."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import serializers
from django.utils import timezone
from pytest_django import Settings

from groups.models import Enrolment
from portal.accounts.reset_tokens import ResetTokens
from portal.models import ApiKey, Invitation, PasswordReset, User
from portal.organizations import invitation_links
from portal.organizations.api_keys import create_key, find_live_key
from portal.organizations.invitation_links import find
from portal.organizations.invitations import invite
from portal.runtime.keyed_digests import STEP, key_existing
from registries.foundation.actor import CONSOLE
from registries.foundation.clock import database_now
from registries.secrets import keyring, one_time
from registries.secrets.one_time import Purpose


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(autouse=True)
def keys(settings: Settings, tmp_path: Path, db: None) -> None:
    settings.PORTAL_KEY_DIR = tmp_path
    keyring.create_missing()
    (tmp_path / "worker" / f"{STEP}.done").unlink()


def test_what_people_hold_still_works(acme: Any, alice: User, settings: Settings) -> None:
    alice.set_authority_mark()  # the keys are others by now
    alice.save()
    tokens = ResetTokens()
    _, key = create_key(
        organization_id=acme.pk, name="ci", scope="read", expires_at=timezone.now() + timedelta(days=1), by=CONSOLE
    )
    _, invitation = invite(acme, email="nina@acme.example", role="member", by=CONSOLE)
    link = tokens.make_token(alice)
    code = one_time.new("dre_")
    Enrolment.objects.create(node_name="rack-7", code_hash=sha256(code), expires_at=timezone.now())
    ApiKey.objects.update(key_hash=sha256(key), seal="")
    Invitation.objects.update(token_hash=sha256(invitation), seal="")
    PasswordReset.objects.update(token_hash=sha256(link))
    assert find_live_key(key) is None

    assert key_existing() == 4
    found = find_live_key(key)
    assert found is not None
    assert found.organization == acme
    assert invitation_links.find(invitation) is not None
    assert tokens.check_token(alice, link)
    assert Enrolment.objects.get().code_hash == one_time.digest_of(code, Purpose.ENROLMENT)


def test_it_is_done_once(acme: Any) -> None:
    """A row that somebody adds later stays as it is."""
    assert key_existing() == 0
    key = one_time.new("drayage_")
    ApiKey.objects.create(organization=acme, name="x", prefix=key[:14], key_hash=sha256(key))
    assert key_existing() == 0
    assert find_live_key(key) is None


def test_what_has_a_key_already_stays(acme: Any) -> None:
    """Of an upgrade that was interrupted."""
    _, key = create_key(organization_id=acme.pk, name="ci", scope="read", by=CONSOLE)
    assert key_existing() == 0
    assert find_live_key(key) is not None


def test_accounts_keys_and_invitations_survive_a_dump(acme: Any, bob: User) -> None:
    """Whose times have milliseconds, where PostgreSQL has microseconds."""
    until = database_now().replace(microsecond=123_456) + timedelta(days=9)
    _, key = create_key(organization_id=acme.pk, name="own", scope="read", expires_at=until, by=CONSOLE)
    _, token = invite(acme, email="new@acme.example", role="viewer", by=CONSOLE)
    bob.set_authority_mark()  # the keys are others by now
    rows = [*ApiKey.objects.all(), *Invitation.objects.all(), bob]
    dump = serializers.serialize("json", rows)
    ApiKey.objects.all().delete()
    Invitation.objects.all().delete()
    for row in serializers.deserialize("json", dump):
        row.save()
    assert find_live_key(key) is not None
    assert find(token) is not None
    assert User.objects.get(pk=bob.pk).is_unaltered
