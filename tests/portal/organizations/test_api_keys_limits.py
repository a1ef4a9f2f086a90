"""API keys up to their limits, beside an organization that has as many as it may."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from django.utils import timezone

from portal.models import ApiKey, Organization
from portal.organizations.api_keys import (
    KeyRefused,
    create_key,
    find_live_key,
    listed_keys,
    revoke,
    rotate,
)
from registries.foundation.actor import CONSOLE
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.row_locks import row_locks
from tests.support.sealed_rows import seal_again

PAGE = "/o/acme/settings/api-keys/"


def ago(**time: float) -> datetime:
    return timezone.now() - timedelta(**time)


def add(organization: Organization, count: int, **columns: Any) -> list[ApiKey]:
    """Keys that were created before. They have no expiry unless `columns` says otherwise."""
    start = ApiKey.objects.count()
    return ApiKey.objects.bulk_create(
        ApiKey(
            organization=organization, name=f"key-{number}", prefix="drayage_a", key_hash=f"{number:064x}", **columns
        )
        for number in range(start, start + count)
    )  # fmt: skip


@pytest.fixture
def full(mallory: Any) -> Organization:
    """Another organization with 100 keys that work and some that have ended."""
    umbrella: Organization = mallory.organizations.get()
    add(umbrella, 100)
    add(umbrella, 3, revoked_at=ago(days=1))
    return umbrella


def test_a_hundred_keys_that_work(acme: Any, full: Organization) -> None:
    add(acme, 98)
    add(acme, 5, revoked_at=ago(seconds=1))
    add(acme, 5, expires_at=ago(seconds=1))
    add(acme, 1, expires_at=ago(seconds=-60))
    create_key(organization_id=acme.pk, name="last", scope="read", by=CONSOLE)

    for organization in (acme, full):
        with pytest.raises(KeyRefused, match="at most 100 keys that work") as refused:
            create_key(organization_id=organization.pk, name="more", scope="read", by=CONSOLE)
        assert refused.value.code == "key_refused"
    assert not ApiKey.objects.filter(name="more").exists()

    last = ApiKey.objects.get(name="last")
    renewed, _ = rotate(last, by=CONSOLE)
    assert revoke(renewed, by=CONSOLE)
    create_key(organization_id=acme.pk, name="more", scope="read", by=CONSOLE)


def test_only_its_own_keys_are_listed(acme: Any, full: Organization) -> None:
    ended = add(acme, 1, revoked_at=ago(seconds=1)) + add(acme, 1, expires_at=ago(seconds=1))
    live = add(acme, 1) + add(acme, 1, expires_at=ago(seconds=-60))

    listed = listed_keys(acme.pk, max_ended=10)

    assert set(listed[:2]) == set(live)
    assert set(listed[2:]) == set(ended)
    assert len(listed) == 4
    assert len(listed_keys(acme.pk, max_ended=1)) == 3


def test_the_page_shows_keys_of_its_own_and_a_hundred_that_ended(
    acme: Any, full: Organization, alice: Any, as_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = add(acme, 1)
    add(acme, 101, revoked_at=ago(days=1))
    shown: list[ApiKey] = []

    def render(request: object, template: str, context: dict[str, Any], status: int) -> HttpResponse:
        shown.extend(context["keys"])  # not drawn, which takes long
        return HttpResponse(status=status)

    monkeypatch.setattr("portal.organizations.api_key_views.render", render)
    assert as_user(alice).get(PAGE).status_code == 200

    assert (shown[0], len(shown)) == (live[0], 101)
    assert {row.organization_id for row in shown} == {acme.pk}


@pytest.mark.parametrize("action", ["rotate", "revoke"])
def test_another_organizations_key_is_not_found(
    full: Organization, acme: Any, alice: Any, as_user: Any, action: str
) -> None:
    row, key = create_key(organization_id=acme.pk, name="own", scope="read", by=CONSOLE)
    theirs = full.api_keys.filter(revoked_at=None)[0]
    before = list(ApiKey.objects.order_by("pk").values())

    assert as_user(alice).post(f"{PAGE}{theirs.pk}/{action}/").status_code == 404
    assert list(ApiKey.objects.order_by("pk").values()) == before

    assert as_user(alice).post(f"{PAGE}{row.pk}/{action}/").status_code in (200, 302, 422)
    assert find_live_key(key) is None


@pytest.mark.parametrize(("days", "lasts"), [("30", 30), ("90", 90), ("365", 365), ("0", None)])
def test_how_long_a_key_works_is_chosen_on_the_page(
    acme: Any, alice: Any, as_user: Any, days: str, lasts: int | None
) -> None:
    as_user(alice).post(PAGE + "create/", {"name": "deploy", "scope": "write", "days": days})

    row = ApiKey.objects.get()
    assert (row.organization, row.name, row.scope, row.created_by) == (acme, "deploy", "write", alice)
    assert (row.expires_at is None) == (lasts is None)
    if lasts is not None and row.expires_at is not None:
        left = row.expires_at - timezone.now()
        assert timedelta(days=lasts, minutes=-1) < left <= timedelta(days=lasts)


def test_what_is_stored_of_a_key(acme: Any, alice: Any) -> None:
    until = ago(days=-3)
    made, key = create_key(organization_id=acme.pk, name="ci", scope="write", expires_at=until, by=acting(alice))

    row = ApiKey.objects.get(pk=made.pk)
    assert (row.organization, row.name, row.scope, row.expires_at, row.created_by) == (
        acme,
        "ci",
        "write",
        until,
        alice,
    )
    assert (row.prefix, len(row.prefix)) == (key[:14], 14)
    assert (row.last_used_at, row.revoked_at) == (None, None)
    assert recorded() == [(alice.email, "key.created", "ci", "write")]


@pytest.mark.parametrize(("columns", "works"), [
    ({"expires_at": ago(seconds=1)}, False),
    ({"revoked_at": ago(seconds=1)}, False),
    ({"revoked_at": ago(seconds=1), "expires_at": ago(hours=-24)}, False),
    ({"expires_at": ago(hours=-24)}, True),
    ({"expires_at": None}, True),
])  # fmt: skip
def test_a_key_works_until_its_end_at_each_door(acme: Any, columns: dict[str, Any], works: bool) -> None:
    row, key = create_key(organization_id=acme.pk, name="ci", scope="read", by=CONSOLE)
    ApiKey.objects.update(**columns)
    seal_again()
    before = ApiKey.objects.values().get()

    assert (find_live_key(key) == row) == works
    row.refresh_from_db()
    assert ApiKey.objects.live().contains(row) == works
    assert (row.last_used_at is not None) == works
    if not works:
        with pytest.raises(KeyRefused, match="already revoked or expired"):
            rotate(row, by=CONSOLE)
        assert not revoke(row, by=CONSOLE)
        assert ApiKey.objects.values().get() == before
        assert len(recorded()) == 1


def test_a_use_is_noted_on_this_key_again_after_a_minute(acme: Any) -> None:
    (_, key), (other, _) = (create_key(organization_id=acme.pk, name=name, scope="read", by=CONSOLE) for name in "ab")
    for seconds, noted in ((50, False), (61, True)):
        moment = ago(seconds=seconds)
        ApiKey.objects.update(last_used_at=moment)

        found = find_live_key(key)

        assert found is not None
        assert found.organization.quota.max_groups is None
        found.refresh_from_db()
        other.refresh_from_db()
        assert found.last_used_at is not None
        assert (found.last_used_at > moment) == noted
        assert other.last_used_at == moment


def test_a_use_is_noted_by_the_databases_clock(acme: Any) -> None:
    """Whatever the time is here: of several processes at once, one writes it."""
    _, key = create_key(organization_id=acme.pk, name="ci", scope="read", by=CONSOLE)
    moment = ago(seconds=10)
    ApiKey.objects.update(last_used_at=moment)

    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        assert find_live_key(key) is not None

    assert ApiKey.objects.get().last_used_at == moment


def test_a_rotation_ends_this_key_only(acme: Any, alice: Any) -> None:
    (old, before), (_, kept) = (
        create_key(organization_id=acme.pk, name=name, scope="read", by=CONSOLE) for name in "ab"
    )

    new, after = rotate(old, by=acting(alice))

    assert (new.pk != old.pk, new.created_by, new.organization) == (True, alice, acme)
    assert [find_live_key(key) is not None for key in (before, after, kept)] == [False, True, True]
    old.refresh_from_db()
    assert old.revoked_at is not None
    assert recorded()[2:] == [(alice.email, "key.rotated", "a", "")]


def test_a_rotation_that_is_refused_leaves_the_key_as_it_was(acme: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old key ends only together with the new one's beginning."""
    row, key = create_key(organization_id=acme.pk, name="ci", scope="read", by=CONSOLE)
    monkeypatch.setattr("portal.organizations.api_keys.MAX_LIVE_KEYS", 0)

    with pytest.raises(KeyRefused):
        rotate(row, by=CONSOLE)

    assert find_live_key(key) == row


def test_the_organization_is_locked_before_keys_are_counted(acme: Any) -> None:
    with row_locks() as creating:
        row, _ = create_key(organization_id=acme.pk, name="ci", scope="read", by=CONSOLE)
    with row_locks() as rotating:
        rotate(row, by=CONSOLE)

    assert creating == rotating == ["groups_quota", "portal_activityhead"]
