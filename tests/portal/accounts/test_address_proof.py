"""Whoever proves the address of an account that had no proof gets it alone."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from portal.accounts.address_proof import set_address_proof
from portal.accounts.authority import AccountAltered, may_sign_in
from portal.accounts.factor_rows import kinds_in
from portal.models import Activity, AddressProof, LinkedIdentity, PasswordReset, SsoProvider, User
from registries.foundation.actor import CONSOLE
from tests.conftest import PASSWORD
from tests.support.second_factors import add_totp
from tests.support.sign_ins import sign_in


def test_nothing_of_whoever_made_it_is_left(nina: User, acme: Any) -> None:
    browser = sign_in(nina)
    add_totp(nina)
    provider = SsoProvider.objects.create(organization=acme, issuer="https://idp.umbrella.example", client_id="x")
    LinkedIdentity.objects.create(provider=provider, person=nina, subject="mallory", mark="x")
    PasswordReset.objects.create(person=nina, token_hash="x", account_state="", expires_at="2999-01-01T00:00Z")
    assert browser.get("/accounts/password/change/").status_code == 200

    assert set_address_proof(nina, AddressProof.SSO, by=CONSOLE)

    nina.refresh_from_db()
    assert (nina.address_proof, nina.second_factors, nina.has_usable_password()) == ("sso", "", False)
    assert may_sign_in(nina)
    assert not Authenticator.objects.filter(user=nina).exists()
    assert not PasswordReset.objects.exists()
    assert not LinkedIdentity.objects.exists(), "of somebody else, at a provider that he chose"
    assert browser.get("/accounts/password/change/").status_code == 302
    assert Client().post("/accounts/login/", {"login": nina.email, "password": PASSWORD}).status_code == 200
    chains = Activity.objects.filter(action="account.address_proven").values_list("organization", flat=True)
    assert len(chains) == 2


def test_a_proven_account_keeps_everything(bob: User, member: Client) -> None:
    add_totp(bob)
    assert not set_address_proof(bob, AddressProof.SSO, by=CONSOLE)
    bob.refresh_from_db()
    assert (bob.address_proof, kinds_in(bob.second_factors), bob.check_password(PASSWORD)) == (
        "mail",
        frozenset({"totp"}),
        True,
    )
    assert member.get("/accounts/password/change/").status_code == 200


def test_who_writes_a_proof_to_the_database_has_none(nina: User) -> None:
    User.objects.filter(pk=nina.pk).update(address_proof="mail")
    assert not may_sign_in(User.objects.get(pk=nina.pk))
    with pytest.raises(AccountAltered):
        set_address_proof(nina, AddressProof.MAIL, by=CONSOLE)
