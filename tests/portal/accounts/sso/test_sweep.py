"""What the sweeper does for single sign-on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from portal.accounts.sso import sweep as sweeping
from portal.models import SsoProvider, SsoSignIn
from tests.support.identity_providers import SsoBrowser

pytestmark = pytest.mark.django_db


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    found: list[object] = []
    monkeypatch.setattr(sweeping, "waiting", lambda queue: 0)
    monkeypatch.setattr(sweeping, "wake_sign_in", found.append)
    monkeypatch.setattr(sweeping, "wake_configure", found.append)
    return found


def test_a_sign_in_whose_wake_up_was_lost(acme_provider: SsoProvider, woken: list[object]) -> None:
    browser = SsoBrowser()
    browser.come_back(browser.go_to_provider(browser.start("acme")))
    sweeping.sweep()
    assert woken == []
    SsoSignIn.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    sweeping.sweep()
    assert woken == [SsoSignIn.objects.get().pk]


def test_what_expired_is_emptied_and_then_deleted(acme_provider: SsoProvider, woken: list[object]) -> None:
    SsoBrowser().sign_in("acme")
    assert SsoSignIn.objects.get().result is not None
    SsoSignIn.objects.update(expires_at=timezone.now())
    sweeping.sweep()
    row = SsoSignIn.objects.get()
    assert (row.result, row.refresh, row.sealed) == (None, None, None)
    SsoSignIn.objects.update(expires_at=timezone.now() - timedelta(days=2))
    assert sweeping.sweep()["sso_sign_ins_deleted"] == 1


def test_a_provider_that_was_not_read_for_long_is_read_again(acme_provider: Any, woken: list[object]) -> None:
    sweeping.sweep()
    assert woken == []
    SsoProvider.objects.update(checked_at=None)
    sweeping.sweep()
    assert woken == [acme_provider.pk]
