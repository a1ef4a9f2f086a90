"""Cases of the actions on accounts, their factors and their sessions."""

from __future__ import annotations

import uuid
from functools import partial

from allauth.account.models import EmailAddress

from portal.accounts import actions as person_actions
from portal.accounts import address_change, factor_actions, own_account, password_links, session_actions
from portal.accounts.address_proof import set_address_proof
from portal.models import (
    AddressProof,
    BrowserSession,
    SignInLimit,
    User,
)
from registries.foundation.actor import CONSOLE
from tests.support import second_factors
from tests.support.action_cases import Call, Case, Cast
from tests.support.actors import acting


def _end_session(cast: Cast) -> Call:
    browser = BrowserSession.objects.create(person=cast.bob, row_key=uuid.uuid4().hex, device="Firefox on Linux")
    return partial(session_actions.end_session, browser, by=acting(cast.bob))


def _end_all_sessions(cast: Cast) -> Call:
    return partial(session_actions.end_all_sessions, cast.bob, by=acting(cast.bob))


def _create_person(cast: Cast) -> Call:
    return partial(person_actions.create_person, "nina@drayage.example", None, is_staff=True, by=acting(cast.olga))


def _change_person(cast: Cast) -> Call:
    changes: dict[str, str | bool] = {"is_active": False, "email": "robert@acme.example"}
    return partial(person_actions.change_person, cast.bob, changes, by=acting(cast.olga))


def _set_password(cast: Cast) -> Call:
    return partial(person_actions.set_password, cast.bob, "a long and good sentence", by=acting(cast.bob))


def _add_totp(cast: Cast) -> Call:
    return partial(factor_actions.add_totp, cast.bob, second_factors.SECRET, by=acting(cast.bob))


def _add_passkey(cast: Cast) -> Call:
    passkey = factor_actions.NewPasskey(name="Laptop", credential={}, sign_count=0, is_passwordless=True)
    return partial(factor_actions.add_passkey, cast.bob, passkey, by=acting(cast.bob))


def _rename_passkey(cast: Cast) -> Call:
    row = second_factors.add_passkey_row(cast.bob)
    return partial(factor_actions.rename_passkey, cast.bob, row.pk, "Phone", by=acting(cast.bob))


def _remove_factor(cast: Cast) -> Call:
    row = second_factors.add_totp(cast.bob).instance
    return partial(factor_actions.remove_factor, cast.bob, row.pk, by=acting(cast.bob))


def _replace_recovery_codes(cast: Cast) -> Call:
    second_factors.add_totp(cast.bob)
    return partial(factor_actions.replace_recovery_codes, cast.bob, by=acting(cast.bob))


def _show_recovery_codes(cast: Cast) -> Call:
    second_factors.add_recovery_codes(cast.bob)
    return partial(factor_actions.show_recovery_codes, cast.bob, by=acting(cast.bob))


def _remove_password(cast: Cast) -> Call:
    second_factors.add_passkey_row(cast.bob, passwordless=True)
    return partial(factor_actions.remove_password, cast.bob, by=acting(cast.bob))


def _reset_factors(cast: Cast) -> Call:
    second_factors.add_totp(cast.bob)
    return partial(factor_actions.reset_factors, cast.bob, "Lost phone", by=acting(cast.olga))


def _confirm_account(cast: Cast) -> Call:
    User.objects.filter(pk=cast.bob.pk).update(is_staff=True)
    cast.bob.refresh_from_db()
    return partial(person_actions.confirm_account, cast.bob, by=acting(cast.olga))


def _set_address_proof(cast: Cast) -> Call:
    unproven = User.objects.create_user("nina@acme.example", "a long and good sentence")
    return partial(set_address_proof, unproven, AddressProof.SSO, by=CONSOLE)


def _request_address(cast: Cast) -> Call:
    return partial(address_change.request_change, cast.bob, "robert@acme.example", by=acting(cast.bob))


def _confirm_address(cast: Cast) -> Call:
    token = address_change.request_change(cast.bob, "robert@acme.example", by=acting(cast.bob))
    return partial(address_change.confirm_change, cast.bob, token, by=acting(cast.bob))


def _rename_self(cast: Cast) -> Call:
    return partial(own_account.rename_self, cast.bob, first_name="Bob", last_name="", by=acting(cast.bob))


def _delete_account(cast: Cast) -> Call:
    return partial(own_account.delete_account, cast.bob, by=acting(cast.bob))


def _issue_link(cast: Cast) -> Call:
    return partial(password_links.issue_link, cast.bob, by=acting(cast.olga))


def _lift_limit(cast: Cast) -> Call:
    limit = SignInLimit.objects.create(kind=SignInLimit.Kind.ACCOUNT, key="k", shown=cast.bob.email, count=10)
    return partial(person_actions.lift_limit, limit, by=acting(cast.olga))


def _save_address(cast: Cast) -> Call:
    address = EmailAddress(user=cast.bob, email="robert@acme.example", verified=True)
    return partial(person_actions.save_address, address, by=acting(cast.olga))


def _remove_address(cast: Cast) -> Call:
    address = EmailAddress.objects.create(user=cast.bob, email="robert@acme.example")
    return partial(person_actions.remove_address, address, by=acting(cast.olga))


CASES = [
    Case("portal.accounts.session_actions.end_session", _end_session),
    Case("portal.accounts.session_actions.end_all_sessions", _end_all_sessions),
    Case("portal.accounts.actions.create_person", _create_person),
    Case("portal.accounts.actions.change_person", _change_person),
    Case("portal.accounts.actions.set_password", _set_password),
    Case("portal.accounts.factor_actions.add_totp", _add_totp),
    Case("portal.accounts.factor_actions.add_passkey", _add_passkey),
    Case("portal.accounts.factor_actions.rename_passkey", _rename_passkey),
    Case("portal.accounts.factor_actions.remove_factor", _remove_factor),
    Case("portal.accounts.factor_actions.replace_recovery_codes", _replace_recovery_codes),
    Case("portal.accounts.factor_actions.show_recovery_codes", _show_recovery_codes),
    Case("portal.accounts.factor_actions.remove_password", _remove_password),
    Case("portal.accounts.factor_actions.reset_factors", _reset_factors),
    Case("portal.accounts.actions.confirm_account", _confirm_account),
    Case("portal.accounts.address_proof.set_address_proof", _set_address_proof),
    Case("portal.accounts.address_change.request_change", _request_address),
    Case("portal.accounts.address_change.confirm_change", _confirm_address),
    Case("portal.accounts.password_links.issue_link", _issue_link),
    Case("portal.accounts.own_account.rename_self", _rename_self),
    Case("portal.accounts.own_account.delete_account", _delete_account),
    Case("portal.accounts.actions.lift_limit", _lift_limit),
    Case("portal.accounts.actions.save_address", _save_address),
    Case("portal.accounts.actions.remove_address", _remove_address),
]
