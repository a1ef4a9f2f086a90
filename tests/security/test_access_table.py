"""Every address of the portal, asked by everybody with every method: what becomes of it is in `access_table.py`."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import transaction
from pytest_django import DjangoDbBlocker, Settings

from portal.accounts.limited_pages import VISITS
from portal.organizations.permissions import PAGES
from tests.security import access_page, access_table
from tests.security.access_table import KEYS, METHODS, OTHERS, PEOPLE, expected_of_key, operations, outcome_of, row_of
from tests.support.access_cast import AccessCast
from tests.support.addresses import addresses

ADDRESSES = addresses()


@pytest.fixture(scope="module")
def _once(django_db_setup: None, django_db_blocker: DjangoDbBlocker, _keys: None) -> Iterator[AccessCast]:
    """Made once for all tests here, which return to it by their savepoints."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield AccessCast()
        transaction.set_rollback(True)


@pytest.fixture
def cast(_once: AccessCast, db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AccessCast:
    settings.PORTAL_API_CALLS_A_MINUTE = 1_000_000
    monkeypatch.setattr("portal.api.rate._counter", None)
    return _once


def test_each_address_has_a_row() -> None:
    unknown = []
    for name in ADDRESSES:
        try:
            row_of(name)
        except KeyError:
            unknown.append(name)
    assert unknown == [], "say in tests/security/access_table.py who reaches it"


def test_no_row_is_of_an_address_that_is_gone() -> None:
    used = {next(pattern for pattern in OTHERS if _fits(name, pattern)) for name in ADDRESSES if _is_other(name)}
    assert set(OTHERS) == used
    listed = [name for names in access_table.PAGE_METHODS.values() for name in names.split()]
    assert sorted(listed) == sorted(PAGES)


def test_the_document_is_written_from_the_table() -> None:
    written = access_page.DOCUMENT.read_text()
    assert written == access_page.render(), "run python -m tests.security.access_page"


@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_people(name: str, cast: AccessCast) -> None:
    url, row = cast.url(ADDRESSES[name]), row_of(name)
    wrong = {}
    for who in PEOPLE:
        for method in METHODS:
            response = _undone(cast.ask, who, method, url)
            outcome = outcome_of(response.status_code, response.get("Location", ""))
            if outcome not in row.expected(who, method):
                wrong[who, method] = response.status_code
    assert wrong == {}


def test_a_stranger_stores_a_session_only_where_they_are_counted(cast: AccessCast) -> None:
    """Sessions are rows that anybody could make in any number."""
    stored = set()
    for name, address in ADDRESSES.items():
        for method in ("GET", "POST"):
            with transaction.atomic():
                before = Session.objects.count()
                cast.ask("anonymous", method, cast.url(address))
                if Session.objects.count() > before:
                    stored.add((name, method))
                transaction.set_rollback(True)
    assert stored <= {(name, "GET") for name in VISITS}


@pytest.mark.parametrize("name", sorted(operations()))
def test_programs(name: str, cast: AccessCast) -> None:
    url = cast.url(ADDRESSES[name])
    wrong = {}
    for key in KEYS:
        for method in METHODS:
            response = _undone(cast.call, key, method, url)
            outcome = outcome_of(response.status_code, "")
            if outcome is not expected_of_key(name, key, method):
                wrong[key, method] = response.status_code
    assert wrong == {}


def _undone(ask: Any, *arguments: str) -> Any:
    with transaction.atomic():
        response = ask(*arguments)
        transaction.set_rollback(True)
    return response


def _is_other(name: str) -> bool:
    return name not in PAGES and name not in operations()


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern)
