"""The table of who may do what: all that is enforced is in it, as it is enforced."""

from __future__ import annotations

from collections import Counter
from html import unescape
from typing import Any

import pytest
from django.test import Client

from portal.api.access import _READING
from portal.models import ApiKey, Role
from portal.organizations.permissions import PAGES
from portal.organizations.roles import Right, role_table
from tests.portal.api.test_access import OPERATIONS

RIGHTS = [right for group in role_table() for right in group.rights]


def operations() -> dict[str, str]:
    """The scope that each operation of the API needs, by its id: what `portal.api.access` decides by the method."""
    return {name: "read" if method in _READING else "write" for name, (method, _) in OPERATIONS.items()}


def test_each_page_is_in_one_row() -> None:
    assert Counter(page for right in RIGHTS for page in right.pages) == Counter(list(PAGES))


def test_each_operation_is_in_one_row_with_its_scope() -> None:
    named = Counter((name, "read") for right in RIGHTS for name in right.reads)
    named += Counter((name, "write") for right in RIGHTS for name in right.writes)
    assert len(operations()) > 20
    assert named == Counter(operations().items())


@pytest.mark.parametrize("right", RIGHTS, ids=[right.what for right in RIGHTS])
def test_a_row_says_one_thing(right: Right) -> None:
    assert {PAGES[page] for page in right.pages} == {right.role}
    assert not (right.reads and right.writes)
    assert right.scope in ("", *ApiKey.Scope.values)
    assert right.roles == sorted(right.roles)
    assert right.roles[-1]


@pytest.mark.parametrize("address", ["/o/acme/settings/members/", "/o/acme/settings/members/{pk}/role/"])
def test_it_is_shown_where_roles_are_given(owner: Client, acme: Any, bob: Any, address: str) -> None:
    page = unescape(owner.get(address.format(pk=acme.memberships.get(user=bob).pk)).text)

    assert [right.what for right in RIGHTS if right.what not in page] == []
    assert f'value="{Role.VIEWER}"' in page
