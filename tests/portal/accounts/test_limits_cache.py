"""The counters of sign-ins in the database hold data and never code."""

from __future__ import annotations

import base64
import os
import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache, caches
from django.db import connection
from django.test import Client
from django.utils import timezone

from portal.accounts.limits_cache import MAX_ENTRIES, MAX_VALUE_LENGTH
from tests.conftest import PASSWORD
from tests.support.second_factors import code_now
from tests.support.sign_ins import LOGIN, sign_in
from tests.support.tampering import execute

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty(db: None) -> None:
    cache.clear()


class _Runs:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def _rows() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM portal_cache")
        return [row[0] for row in cursor.fetchall()]


def test_a_row_that_was_written_past_the_portal_runs_nothing(olga: Any, tmp_path: Path) -> None:
    sign_in(olga)
    assert _rows()  # the code that was used

    made = tmp_path / "made"
    code = base64.b64encode(pickle.dumps(_Runs(made))).decode()
    execute(f"UPDATE portal_cache SET value = '{code}'")  # what Django's own cache would unpickle
    browser = Client()
    asked = browser.post(LOGIN, {"login": olga.email, "password": PASSWORD})
    entered = browser.post(asked.headers["Location"], {"code": code_now()})

    assert (entered.status_code, made.exists()) == (200, False)  # a code with a row was used


@pytest.mark.parametrize("value", [[1.5, 2.25], True, 0, None, "ä\u2028", {"a": [1]}])
def test_a_value_comes_back(value: object) -> None:
    cache.set("name", value)
    assert cache.get("name", "missing") == value


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "no JSON", "[" * 60_000, '{"value": ' + "1" * MAX_VALUE_LENGTH + "}", "9" * 5000]
)
def test_what_it_did_not_write_is_missing(text: str) -> None:
    cache.set("name", 1)
    execute(f"UPDATE portal_cache SET value = '{text}'")
    assert cache.get("name") is None


def test_adding_keeps_what_is_there_until_it_is_over(time_machine: Any) -> None:
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    assert cache.add("name", 1, timeout=60) is True
    assert cache.add("name", 2, timeout=60) is False
    assert cache.get("name") == 1
    time_machine.move_to(now + timedelta(seconds=61), tick=False)
    assert cache.get("name") is None
    assert cache.add("name", 3, timeout=60) is True
    assert cache.get("name") == 3


def test_touching_extends_it(time_machine: Any) -> None:
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    cache.set("name", 1, timeout=60)
    assert cache.touch("name", timeout=600) is True
    assert cache.touch("other", timeout=600) is False
    time_machine.move_to(now + timedelta(seconds=61), tick=False)
    assert cache.get("name") == 1


def test_several_are_read_deleted_and_kept_for_good() -> None:
    cache.set_many({"one": 1, "two": 2}, timeout=None)
    assert cache.get_many(["one", "two", "three"]) == {"one": 1, "two": 2}
    cache.delete("one")
    assert cache.get_many(["one", "two"]) == {"two": 2}
    assert cache.get_many([]) == {}
    assert cache.incr("two") == 3


def test_the_counters_of_others_stay_when_a_stranger_makes_many() -> None:
    cache.set("a-counter", [1.0], timeout=900)
    for number in range(320):
        cache.set(f"z-stranger-{number}", [1.0], timeout=900)
    assert cache.get("a-counter") == [1.0]
    assert MAX_ENTRIES > 10_000


def test_above_the_maximum_what_is_over_goes_first(monkeypatch: pytest.MonkeyPatch, time_machine: Any) -> None:
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    for number in range(5):
        cache.set(f"a-{number}", 1, timeout=60)
    time_machine.move_to(now + timedelta(seconds=62), tick=False)
    monkeypatch.setattr(caches["default"], "_max_entries", 3)
    cache.set("b", 1)
    cache.set("c", 1)
    assert len(_rows()) == 2
