"""What a mark covers of second factors."""

from __future__ import annotations

from allauth.mfa.models import Authenticator

from portal.accounts.factor_rows import entry_of, is_protected, kinds_in, rows_of, state_of
from portal.models import User
from tests.support.second_factors import add_passkey_row, add_recovery_codes, add_totp


def row(kind: str = "totp", **data: object) -> Authenticator:
    return Authenticator(type=kind, data=data)


def test_the_order_of_rows_and_of_their_contents_does_not_matter() -> None:
    one, other = row(a=1, b=2), row("webauthn", c=[3])
    assert state_of([one, other]) == state_of([other, row(b=2, a=1)])
    assert state_of([]) == ""


def test_kind_and_contents_do() -> None:
    different = [row(a=1), row("webauthn", a=1), row(a=2), row(a="1"), row(b=1), row(a=1, b=2)]
    assert len({entry_of(each) for each in different}) == len(different)
    assert state_of([row(a=1)]) != state_of([row(a=1), row(a=1)])


def test_kinds_are_read_from_the_state_and_from_that_of_the_previous_version() -> None:
    assert kinds_in(state_of([row(), row("webauthn")])) == {"totp", "webauthn"}
    assert kinds_in("recovery_codes,totp") == {"recovery_codes", "totp"}
    assert kinds_in("") == frozenset()


def test_recovery_codes_alone_protect_nothing() -> None:
    assert not is_protected(state_of([row("recovery_codes")]))
    assert is_protected(state_of([row("recovery_codes"), row("webauthn")]))


def test_rows_are_the_persons_own_oldest_first(alice: User, bob: User) -> None:
    add_totp(bob)
    add_totp(alice)
    add_recovery_codes(alice)
    add_passkey_row(alice)
    assert [each.type for each in rows_of(alice.pk)] == ["totp", "recovery_codes", "webauthn"]
