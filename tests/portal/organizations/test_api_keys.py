"""API keys: shown once, kept as a hash, bounded, rotated, revoked; their page and their command."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from portal.models import ActivityText, ApiKey
from portal.organizations import api_key_views, api_keys
from portal.organizations.api_keys import KeyRefused, create_key, find_live_key, revoke, rotate
from registries.foundation.actor import CONSOLE
from tests.support.activity import recorded

PAGE = "/o/acme/settings/api-keys/"


def test_a_key_is_recognized_and_stored_nowhere(acme: Any) -> None:
    row, key = create_key(organization_id=acme.pk, name="ci", scope="read", by=CONSOLE)

    assert re.fullmatch(r"drayage_[A-Za-z0-9_-]{43}", key)
    assert find_live_key(key) == row
    kept = str(ApiKey.objects.values().get())
    assert key not in kept
    assert key[len(row.prefix) :] not in kept


@pytest.mark.parametrize("wrong", ["", "drayage_", "x" * 5000, "drayage_ü", "DRAYAGE_x", "dri_" + "A" * 43])
def test_anything_else_is_refused_without_a_query(acme: Any, wrong: str, django_assert_num_queries: Any) -> None:
    create_key(organization_id=acme.pk, name="ci", scope="read", by=CONSOLE)

    with django_assert_num_queries(0):
        assert find_live_key(wrong) is None


def test_another_text_of_this_form_is_not_known(acme: Any) -> None:
    _, key = create_key(organization_id=acme.pk, name="ci", scope="read", by=CONSOLE)

    assert find_live_key("drayage_" + "A" * 43) is None
    assert find_live_key(key.swapcase().replace("DRAYAGE_", "drayage_")) is None


def test_its_use_is_noted_once_a_minute(acme: Any) -> None:
    row, key = create_key(organization_id=acme.pk, name="ci", scope="read", by=CONSOLE)
    find_live_key(key)
    row.refresh_from_db()
    first = row.last_used_at
    find_live_key(key)
    row.refresh_from_db()

    assert first is not None
    assert row.last_used_at == first
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    find_live_key(key)
    row.refresh_from_db()
    assert row.last_used_at is not None
    assert row.last_used_at >= first


def test_it_ends_when_it_expires_or_is_revoked(acme: Any) -> None:
    past = timezone.now() - timedelta(seconds=1)
    _, expired = create_key(organization_id=acme.pk, name="old", scope="read", expires_at=past, by=CONSOLE)
    row, key = create_key(organization_id=acme.pk, name="ci", scope="read", by=CONSOLE)

    assert find_live_key(expired) is None
    assert revoke(row, by=CONSOLE)
    assert not revoke(row, by=CONSOLE)
    assert find_live_key(key) is None


def test_a_rotated_key_gives_way_to_another_of_the_same_kind(acme: Any) -> None:
    until = timezone.now() + timedelta(days=3)
    old, before = create_key(organization_id=acme.pk, name="ci", scope="write", expires_at=until, by=CONSOLE)

    new, after = rotate(old, by=CONSOLE)

    assert find_live_key(before) is None
    assert find_live_key(after) == new
    assert (new.name, new.scope, new.expires_at) == ("ci", "write", until)
    with pytest.raises(KeyRefused):
        rotate(old, by=CONSOLE)
    text = ActivityText.objects.get(activity__action="key.rotated")
    assert text.before == {"key": str(old.pk), "prefix": old.prefix}
    assert (text.after["key"], text.after["prefix"], text.after["scope"]) == (str(new.pk), new.prefix, "write")


def test_an_organization_has_a_bounded_number(acme: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MAX_LIVE_KEYS", 2)
    row, _ = create_key(organization_id=acme.pk, name="one", scope="read", by=CONSOLE)
    create_key(organization_id=acme.pk, name="two", scope="read", by=CONSOLE)

    with pytest.raises(KeyRefused):
        create_key(organization_id=acme.pk, name="three", scope="read", by=CONSOLE)

    rotate(row, by=CONSOLE)
    assert ApiKey.objects.live().filter(organization=acme).count() == 2


def test_the_page_shows_a_new_key_once(acme: Any, alice: Any, as_user: Any) -> None:
    browser = as_user(alice)

    made = browser.post(PAGE + "create/", {"name": "deploy", "scope": "write", "days": "90"})

    key = re.search(r"drayage_[A-Za-z0-9_-]{43}", made.text)
    assert key
    row = find_live_key(key[0])
    assert row is not None
    assert row.expires_at is not None
    assert "no-store" in made["Cache-Control"]
    assert key[0] not in browser.get(PAGE).text
    assert row.prefix in browser.get(PAGE).text
    renewed = browser.post(f"{PAGE}{row.pk}/rotate/")
    assert find_live_key(key[0]) is None
    second = re.search(r"drayage_[A-Za-z0-9_-]{43}", renewed.text)
    assert second
    newer = find_live_key(second[0])
    assert newer is not None
    browser.post(f"{PAGE}{newer.pk}/revoke/")
    assert find_live_key(second[0]) is None
    verbs = [row[1:3] for row in recorded()]
    assert verbs == [("key.created", "deploy"), ("key.rotated", "deploy"), ("key.revoked", "deploy")]
    assert key[0] not in str(list(ActivityText.objects.values()))


def test_a_key_that_works_is_listed_however_many_ended_since(
    acme: Any, alice: Any, as_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_key_views, "MAX_ENDED_SHOWN", 1)
    create_key(organization_id=acme.pk, name="kept", scope="read", by=CONSOLE)
    for name in ("older", "newer"):
        ApiKey.objects.update(created_at=timezone.now() - timedelta(minutes=1))
        revoke(create_key(organization_id=acme.pk, name=name, scope="read", by=CONSOLE)[0], by=CONSOLE)

    assert [row.name for row in as_user(alice).get(PAGE).context["keys"]] == ["kept", "newer"]


@pytest.mark.parametrize(
    "values", [{"name": ""}, {"name": "a" * 64}, {"name": "a\u202eb"}, {"scope": "admin"}, {"days": "7000"}]
)
def test_a_form_that_is_wrong_makes_no_key(acme: Any, alice: Any, as_user: Any, values: dict[str, str]) -> None:
    answer = as_user(alice).post(PAGE + "create/", {"name": "ci", "scope": "read", "days": "30"} | values)

    assert answer.status_code == 422
    assert not ApiKey.objects.exists()


def test_the_command_prints_it_alone_on_the_last_line(acme: Any, alice: Any, capsys: Any) -> None:
    call_command("create_api_key", "acme", name="ci")

    row = find_live_key(capsys.readouterr().out.splitlines()[-1])
    assert row is not None
    assert (row.name, row.scope, row.owner, row.project) == ("ci", "write", alice, None)
    assert row.expires_at is not None
    assert abs(row.expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)
    assert recorded() == [("Drayage", "key.created", "ci", "write")]
    with pytest.raises(CommandError):
        call_command("create_api_key", "nowhere", name="ci")
    with pytest.raises(CommandError):
        call_command("create_api_key", "acme", name="ci", days=0)


@pytest.mark.parametrize("days", [1, 365])
def test_the_command_makes_the_key_that_was_asked_for(acme: Any, project: Any, days: int) -> None:
    call_command("create_api_key", "acme", name=" ci ", scope="read", days=days, project="default")

    row = ApiKey.objects.get()
    assert (row.organization, row.name, row.scope, row.project) == (acme, "ci", "read", project)
    assert row.expires_at is not None
    assert abs(row.expires_at - timezone.now() - timedelta(days=days)) < timedelta(minutes=1)


def test_the_command_says_whose_key_it_is(acme: Any, alice: Any, bob: Any) -> None:
    for email in (bob.email, "nobody@acme.example"):
        with pytest.raises(CommandError, match="has no owner"):
            call_command("create_api_key", "acme", name="ci", owner=email)
    acme.memberships.filter(user=bob).update(role="owner")
    with pytest.raises(CommandError, match="name one with --owner"):
        call_command("create_api_key", "acme", name="ci")

    call_command("create_api_key", "acme", name="ci", owner="Bob@Acme.example", no_expiry=True)

    row = ApiKey.objects.get()
    assert (row.owner, row.expires_at) == (bob, None)


@pytest.mark.parametrize(
    "values",
    [{"name": " "}, {"name": "a" * 64}, {"name": "a\u202eb"}, {"days": -1}, {"days": 366}, {"project": "nothing"}],
)
def test_the_command_refuses_what_the_form_refuses(acme: Any, values: dict[str, Any]) -> None:
    with pytest.raises(CommandError):
        call_command("create_api_key", "acme", **{"name": "ci"} | values)
    assert not ApiKey.objects.exists()
