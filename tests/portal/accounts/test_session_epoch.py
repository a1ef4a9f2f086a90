"""Ending all sessions of a person at once."""

from __future__ import annotations

from django.test import Client
from django.utils.crypto import salted_hmac

from portal.accounts import authority
from portal.accounts.session_epoch import end_sessions, end_sessions_of
from portal.models import User
from tests.support.fresh_sign_ins import signed_in

PAGE = "/accounts/logout/"


def test_every_session_ends(bob: User, member: Client, owner: Client) -> None:
    assert member.get(PAGE).status_code == 200
    end_sessions(authority.lock(bob.pk))
    assert member.get(PAGE).status_code == 302
    assert owner.get(PAGE).status_code == 200


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
