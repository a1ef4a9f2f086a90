"""One role in place of three columns."""

from __future__ import annotations

import pytest

from portal.accounts.staff_roles import RIGHTS, StaffRole, role_of
from portal.models import User


@pytest.mark.parametrize("role", StaffRole)
def test_an_account_with_a_roles_rights_has_the_role(role: StaffRole) -> None:
    assert role_of(User(**RIGHTS[role])) is role


@pytest.mark.parametrize("columns", [{"is_staff": True}, {"is_support": True}, {"is_superuser": True}])
def test_half_of_a_role_is_none(columns: dict[str, bool]) -> None:
    assert role_of(User(**columns)) is StaffRole.NONE


def test_an_operator_who_is_support_too_is_an_operator() -> None:
    assert role_of(User(is_staff=True, is_support=True, is_superuser=True)) is StaffRole.OPERATOR
