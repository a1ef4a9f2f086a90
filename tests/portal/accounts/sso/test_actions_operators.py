"""Operators and support who sign in with the whole portal's provider."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator

from portal.accounts import authority
from portal.accounts.sso import identities, providers
from portal.accounts.sso.exchange import Claims
from tests.support.identity_providers import SsoBrowser, code_on, know
from tests.support.second_factors import STEP, code_now, cover

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["olga", "sam"])
def linked(request: pytest.FixtureRequest, portal_sso: str) -> Any:
    """An operator or support, who has connected the portal's provider."""
    person = request.getfixturevalue(request.param)
    know(portal_sso, "staff", email=person.email, email_verified=True)
    provider = providers.portal_provider()
    assert provider is not None
    claims = Claims(
        issuer=portal_sso, subject="staff", email=person.email, is_email_verified=True, sid="", meets_requirement=True,
        at=0.0,
    )  # fmt: skip
    identities.create(provider, person, claims)
    return person


def test_the_second_factor_is_asked_for_each_time(linked: Any) -> None:
    browser = SsoBrowser("staff")
    assert browser.sign_in()["Location"].startswith(STEP)
    assert browser.client.get("/admin/").status_code == 302, "the provider alone opens nothing"
    browser.client.post(STEP, {"code": code_now()})
    assert browser.client.get("/admin/").status_code == 200


def test_without_one_the_provider_can_not_set_one_up(linked: Any) -> None:
    Authenticator.objects.filter(user=linked).delete()
    cover(linked)
    assert authority.may_sign_in(linked)
    browser = SsoBrowser("staff")
    assert code_on(browser.sign_in()) == "sso_staff_factor"
    assert "_auth_user_id" not in browser.client.session
