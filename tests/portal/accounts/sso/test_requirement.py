"""Only by single sign-on: it stays so without the provider's row, and whoever writes to the database opens nothing for
long."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from portal.accounts.sso import clients, organization_actions, requirement
from portal.accounts.sso.organization_actions import NewClient, set_provider
from portal.accounts.sso.requirement import OPTIONAL, REQUIRED, is_required
from portal.models import Organization, SsoProvider
from registries.foundation.activity import Target, record
from tests.support.actors import acting
from tests.support.second_factors import add_totp
from tests.support.sign_ins import actions_of

pytestmark = pytest.mark.django_db
ISSUER = "https://login.example.com"


@pytest.fixture
def closed(acme: Any, alice: Any) -> SsoProvider:
    """Acme's provider; Acme is open to single sign-on only."""
    add_totp(alice)
    row = set_provider(acme, NewClient(ISSUER, "one", "a secret"), by=acting(alice))
    organization_actions.change_policy(row, {"requires_sso": True}, has_signed_in_by_it=True, by=acting(alice))
    return SsoProvider.objects.get(pk=row.pk)


def test_it_is_recorded_and_ends_with_the_provider(closed: SsoProvider, acme: Any, alice: Any) -> None:
    assert is_required(acme.pk)
    assert REQUIRED in actions_of(acme)
    organization_actions.remove_provider(closed, by=acting(alice))
    assert not is_required(acme.pk)
    assert OPTIONAL in actions_of(acme)
    assert requirement.restore() == 0


def test_another_issuer_ends_it(closed: SsoProvider, acme: Any, alice: Any) -> None:
    set_provider(acme, NewClient("https://other.example.com", "one", "a secret"), by=acting(alice))
    assert not is_required(acme.pk)
    assert requirement.restore() == 0


def test_without_the_providers_row_it_stays_closed(closed: SsoProvider, acme: Any, member: Client) -> None:
    SsoProvider.objects.all().delete()  # past the portal
    assert member.get("/o/acme/").status_code == 403
    assert is_required(acme.pk)


def test_an_owner_sets_the_provider_again_and_may_open_it(closed: SsoProvider, acme: Any, alice: Any) -> None:
    SsoProvider.objects.all().delete()  # past the portal
    row = set_provider(acme, NewClient(ISSUER, "one", "a secret"), by=acting(alice))
    assert is_required(acme.pk)
    organization_actions.change_policy(row, {"requires_sso": False}, has_signed_in_by_it=False, by=acting(alice))
    assert not is_required(acme.pk)


def test_the_sweeper_closes_what_was_opened_past_the_portal(closed: SsoProvider, acme: Any, member: Client) -> None:
    Organization.objects.update(requires_sso=False)
    closed.requires_sso = False
    closed.mark = clients.settings_mark(closed)  # the row of an earlier day
    closed.save()
    assert member.get("/o/acme/").status_code == 200
    assert requirement.restore() == 1
    assert member.get("/o/acme/").status_code == 403
    assert actions_of(acme)[-1] == REQUIRED
    assert requirement.restore() == 0


def test_a_row_of_the_activity_that_somebody_appended_opens_nothing(closed: SsoProvider, acme: Any, alice: Any) -> None:
    SsoProvider.objects.update(requires_sso=False)
    Organization.objects.update(requires_sso=False)
    record(acting(alice), OPTIONAL, Target("organization", acme.pk, acme.name), organization_id=acme.pk)
    assert requirement.restore() == 1
    assert is_required(acme.pk)


def test_nor_does_the_mark_of_an_earlier_day(closed: SsoProvider, acme: Any, alice: Any) -> None:
    for required in (False, True):
        policy: dict[str, Any] = {"requires_sso": required}
        organization_actions.change_policy(closed, policy, has_signed_in_by_it=True, by=acting(alice))
        if not required:
            earlier = Organization.objects.get(pk=acme.pk).sso_opened_mark
            assert requirement.restore() == 0
    SsoProvider.objects.update(requires_sso=False)
    Organization.objects.update(requires_sso=False, sso_opened_mark=earlier)
    assert requirement.restore() == 1
    assert is_required(acme.pk)
