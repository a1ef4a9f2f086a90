"""Sessions: found by the digest of their key, readable with the key only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from portal.accounts.sessions import SessionStore
from portal.models import User
from registries.secrets import session_data

pytestmark = pytest.mark.django_db
HOME = "/o/acme/"
Result = TypeVar("Result")


def cookie_of(browser: Client) -> str:
    return browser.cookies["sessionid"].value


def test_a_visitors_session_is_kept_for_a_day(owner: Client) -> None:
    [row] = Session.objects.all()
    assert row.expire_date > timezone.now() + timedelta(days=2)
    visitor = SessionStore()
    visitor["seen"] = "yes"
    visitor.create()
    visitor.save()
    row = Session.objects.get(session_key=session_data.row_key(str(visitor.session_key)))
    assert row.expire_date <= timezone.now() + timedelta(days=1)


def test_the_database_has_neither_the_key_nor_the_data(owner: Client, alice: User) -> None:
    key = cookie_of(owner)
    [row] = Session.objects.values()
    stored = json.dumps(row, default=str)
    assert key not in stored
    assert row["session_key"] == session_data.row_key(key)
    assert len(row["session_key"]) == 40
    assert "_auth_user" not in str(db.SessionStore().decode(row["session_data"]))
    assert owner.get(HOME).status_code == 200
    assert SessionStore(key)[SESSION_KEY] == str(alice.pk)


def test_what_the_database_has_opens_nothing(owner: Client) -> None:
    for value in Session.objects.values_list("session_key", "session_data").get():
        stranger = Client()
        stranger.cookies["sessionid"] = value
        assert stranger.get(HOME).status_code == 302


def test_a_row_moved_to_another_key_opens_nothing(owner: Client) -> None:
    """Who can write to the database doesn't have the secret key."""
    Session.objects.update(session_key=session_data.row_key("k" * 32))
    thief = Client()
    thief.cookies["sessionid"] = "k" * 32
    assert thief.get(HOME).status_code == 302


@pytest.mark.parametrize("stored", ["", "x", "AAAA", "{}", ".eJxVjc0KwjAQhN8lV7:1xXg0c:v0I", "ü"])
def test_damaged_data_is_an_empty_session(stored: str, owner: Client) -> None:
    Session.objects.update(session_data=stored)
    assert owner.get(HOME).status_code == 302


def test_signing_in_changes_the_key_and_keeps_the_data(
    alice: User, acme: object, as_user: Callable[[User], Client]
) -> None:
    store = SessionStore()
    store["seen"] = "yes"
    store.create()
    before = store.session_key
    store.cycle_key()
    assert before is not None
    assert store.session_key != before
    assert SessionStore(store.session_key)["seen"] == "yes"
    assert dict(SessionStore(before).items()) == {}
    assert Session.objects.count() == 1


def test_signing_out_deletes_the_row(owner: Client) -> None:
    key = cookie_of(owner)
    assert SessionStore().exists(key)
    owner.post("/accounts/logout/")
    assert not SessionStore().exists(key)
    assert not Session.objects.exists()


def test_another_session_is_deleted_by_its_key(owner: Client) -> None:
    SessionStore().delete("another-key")
    assert Session.objects.count() == 1
    SessionStore().delete()
    assert Session.objects.count() == 1
    SessionStore().delete(cookie_of(owner))
    assert not Session.objects.exists()


def test_expired_sessions_open_nothing_and_are_cleared(owner: Client) -> None:
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert owner.get(HOME).status_code == 302
    call_command("clearsessions")
    assert not Session.objects.exists()


@pytest.mark.parametrize("key", ["", "short", "\x01" * 32, "ü" * 32, "x" * 5000])
def test_odd_cookies_are_a_strangers(key: str, acme: object) -> None:
    browser = Client()
    browser.cookies["sessionid"] = key
    assert browser.get(HOME).status_code == 302


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run it in a thread: the browser of other tests keeps an event loop running in this one. Its thread for the
    database closes its connection."""

    async def closing() -> Result:
        try:
            return await work
        finally:
            await sync_to_async(connections.close_all)()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, closing()).result()


@pytest.mark.django_db(transaction=True)
def test_the_asynchronous_way_is_the_same() -> None:
    async def use() -> str:
        store = SessionStore()
        await store.aset("seen", "yes")
        await store.acreate()
        await store.aset("seen", "again")
        await store.asave()
        key = str(store.session_key)
        again = SessionStore(key)
        assert await again.aget("seen") == "again"
        assert await again.aexists(key)
        await again.adelete("another-key")
        return key

    key = run(use())
    assert [row.session_key for row in Session.objects.all()] == [session_data.row_key(key)]
    assert SessionStore(key)["seen"] == "again"
    run(SessionStore(key).adelete())
    assert not Session.objects.exists()
