"""The link of the first operator, which `up` prints at each start until an operator has signed in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from portal.accounts.actions import create_person
from portal.accounts.staff_roles import RIGHTS, StaffRole, role_of
from portal.management.first_links import first_operator_link
from portal.models import PasswordReset, User
from registries.foundation.actor import CONSOLE
from tests.support.activity import recorded
from tests.support.sign_ins import sign_in

pytestmark = pytest.mark.django_db

FIRST = "operator@localhost"
CHOSEN = "only the operator knows it"


def new_link() -> str:
    link = first_operator_link(FIRST)
    assert link
    return link


def is_open(link: str) -> bool:
    return Client().get(link).status_code == 302


def choose_password(link: str) -> None:
    browser = Client()
    browser.post(browser.get(link)["Location"], {"password1": CHOSEN, "password2": CHOSEN})


def test_the_first_start_creates_an_operator_without_a_password() -> None:
    link = new_link()
    first = User.objects.get()
    assert (first.email, role_of(first), first.address_proof) == (FIRST, StaffRole.OPERATOR, "operator")
    assert not first.has_usable_password()
    assert [row[1] for row in recorded(organization=None)] == ["account.created", "account.link_created"]
    choose_password(link)
    assert User.objects.get().check_password(CHOSEN)


def test_the_link_lasts_for_a_first_hour() -> None:
    new_link()
    assert PasswordReset.objects.get().expires_at > timezone.now() + timedelta(hours=1)


def test_each_start_ends_the_link_of_the_one_before() -> None:
    before, now = new_link(), new_link()
    assert (is_open(before), is_open(now)) == (False, True)
    assert User.objects.count() == 1


def test_whoever_chose_a_password_and_lost_it_gets_another_link() -> None:
    choose_password(new_link())
    assert is_open(new_link())


def test_there_is_none_once_an_operator_has_signed_in() -> None:
    link = new_link()
    choose_password(link)
    sign_in(User.objects.get(), CHOSEN)
    assert first_operator_link(FIRST) is None


def test_there_is_none_where_another_operator_was_created() -> None:
    create_person("nina@drayage.example", None, **RIGHTS[StaffRole.OPERATOR], by=CONSOLE)
    assert first_operator_link(FIRST) is None
    assert not PasswordReset.objects.exists()
    assert User.objects.count() == 1


def test_somebody_with_this_address_does_not_become_an_operator() -> None:
    create_person(FIRST, None, by=CONSOLE)
    assert first_operator_link(FIRST) is None
    assert role_of(User.objects.get()) is StaffRole.NONE


def test_an_altered_account_gets_none() -> None:
    new_link()
    User.objects.update(is_support=True)
    assert first_operator_link(FIRST) is None
