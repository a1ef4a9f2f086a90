"""Ending all sessions of a person at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils.crypto import salted_hmac

from portal.accounts import authority
from portal.accounts.actions import set_password
from portal.accounts.address_proof import prove
from portal.accounts.factor_actions import remove_password
from portal.accounts.reset_tokens import ResetTokens
from portal.accounts.session_epoch import end_sessions, end_sessions_of
from portal.models import AddressProof, Membership, Organization, User
from portal.organizations import actions
from portal.organizations.holdings import Ended
from registries.foundation.actor import CONSOLE, Actor
from tests.conftest import PASSWORD
from tests.support.actors import acting
from tests.support.fresh_sign_ins import signed_in
from tests.support.second_factors import add_passkey_row

PAGE = "/accounts/logout/"
NEW = "another long battery"


def test_every_session_ends(bob: User, member: Client, owner: Client) -> None:
    assert member.get(PAGE).status_code == 200
    end_sessions(authority.lock(bob.pk))
    assert member.get(PAGE).status_code == 302
    assert owner.get(PAGE).status_code == 200


def test_a_request_at_the_same_time_keeps_its_session_only_if_nobody_else_ended_it(
    acme: Organization, bob: User, member: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thief with a copied session sends requests while the person signs out everywhere."""
    leave = actions.leave

    def signed_out_just_before(membership: Membership, *, by: Actor) -> Ended | None:
        end_sessions_of(bob.pk)
        return leave(membership, by=by)

    monkeypatch.setattr(actions, "leave", signed_out_just_before)
    assert member.post("/o/acme/settings/members/leave/").status_code == 302
    assert member.get(PAGE).status_code == 302


def test_a_new_one_works(bob: User, member: Client) -> None:
    assert end_sessions_of(bob.pk)
    bob.refresh_from_db()
    assert (bob.session_epoch, bob.is_unaltered) == (1, True)
    signed_in(bob, member)
    assert member.get(PAGE).status_code == 200


def test_an_earlier_epoch_in_the_database_brings_no_session_back(bob: User, member: Client) -> None:
    end_sessions_of(bob.pk)
    User.objects.filter(pk=bob.pk).update(session_epoch=0)
    assert member.get(PAGE).status_code == 302
    assert not User.objects.get(pk=bob.pk).is_unaltered


def test_without_an_epoch_sessions_of_the_previous_version_are_valid(bob: User) -> None:
    made = salted_hmac(
        "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash", bob.password, algorithm="sha256"
    )
    assert bob.get_session_auth_hash() == made.hexdigest()


def test_no_mark_is_made_for_an_altered_account(bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_superuser=True)
    assert not end_sessions_of(bob.pk)
    assert not User.objects.get(pk=bob.pk).is_unaltered


@pytest.mark.parametrize("way", ["page", "command", "reset", "proof", "removal"])
def test_every_change_of_a_password_raises_it(way: str, bob: User, as_user: Any) -> None:
    before = bob.session_epoch
    match way:
        case "page":
            sent = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
            assert as_user(bob).post("/accounts/password/change/", sent).status_code == 302
        case "command":
            set_password(bob, NEW, by=CONSOLE)
        case "reset":
            ResetTokens().make_token(bob)
            set_password(bob, NEW, is_reset=True, by=CONSOLE)
        case "proof":
            prove(authority.lock(bob.pk), AddressProof.MAIL)
        case "removal":
            add_passkey_row(bob, passwordless=True)
            assert remove_password(bob, by=acting(bob))
    row = User.objects.get(pk=bob.pk)
    assert not row.check_password(PASSWORD)
    assert row.session_epoch > before
    assert row.is_unaltered
