"""What a secret is bound to, against what the columns of its row say."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from typing import Any

import pytest

from portal.models import Organization
from registries.actions import confirm_sign_in_host
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from registries.secrets.credential_binding import Binding, binding_of
from registries.secrets.sign_in_offers import confirmation_of, offer_of
from tests.support.pulls import make_credential
from tests.support.seals import BINDING

CHANGES: dict[str, Any] = {
    "organization_id": 99,
    "provider": "ghcr",
    "host": "thief.example.com",
    "repository": "other",
    "fields": {"username": "thief"},
    "ca": "x",
    "hold": "hour",
    "sign_in_host": "thief.example.com",
}


def test_it_reads_as_it_was_written() -> None:
    assert Binding.from_json(BINDING.as_json()) == BINDING


def test_every_zone_is_the_same_moment() -> None:
    there = BINDING.latest_deadline.astimezone(timezone(timedelta(hours=9)))
    other = Binding.from_json(BINDING.as_json() | {"latest_deadline": there.isoformat()})
    assert other.as_json() == BINDING.as_json()
    assert other.latest_deadline.astimezone(UTC) == BINDING.latest_deadline


def test_what_the_previous_version_sealed_has_no_sign_in_host() -> None:
    values = BINDING.as_json()
    del values["sign_in_host"]
    assert Binding.from_json(values).sign_in_host == ""


@pytest.mark.parametrize("left_out", list(BINDING.as_json().keys() - {"sign_in_host"}))
def test_none_is_optional(left_out: str) -> None:
    values = BINDING.as_json()
    del values[left_out]
    with pytest.raises(ValueError, match="not a binding"):
        Binding.from_json(values)


def test_a_row_is_as_it_was_sealed(acme: Organization) -> None:
    row = make_credential(acme, "registry.example.com")
    assert binding_of(row).changed_columns(Credential.objects.get()) == []


@pytest.mark.parametrize("column", list(CHANGES))
def test_each_column_that_says_something_else_is_named(acme: Organization, column: str) -> None:
    row = make_credential(acme, "registry.example.com")
    sealed = binding_of(row)
    setattr(row, column, CHANGES[column])
    assert sealed.changed_columns(row) == [column]


def test_a_sign_in_host_may_be_confirmed_later(acme: Organization) -> None:
    row = make_credential(acme, "registry.example.com", sign_in_host="old.example.com")
    sealed = binding_of(row)
    assert sealed.sign_in_host == "old.example.com"
    confirm_sign_in_host(row, host="git.example.com", by=CONSOLE)
    assert sealed.changed_columns(Credential.objects.get()) == []


def test_nobody_else_confirms_it(acme: Organization) -> None:
    """The mark of another host, registry, organization or credential, of an offer, or none at all."""
    row = make_credential(acme, "registry.example.com")
    sealed = binding_of(row)
    right: dict[str, Any] = {"organization_id": acme.pk, "credential_id": row.pk, "registry": row.host}
    host = "git.example.com"
    marks = [
        confirmation_of("other.example.com", **right),
        confirmation_of(host, **right | {"registry": "other.example.com"}),
        confirmation_of(host, **right | {"organization_id": acme.pk + 1}),
        confirmation_of(host, **right | {"credential_id": make_credential(acme, row.host).pk}),
        offer_of(host, organization_id=acme.pk, registry=row.host).partition(" ")[2],
        "",
    ]
    for mark in marks:
        row.sign_in_host, row.sign_in_mark = host, mark
        assert sealed.changed_columns(row) == ["sign_in_host"]
    row.sign_in_mark = confirmation_of(host, **right)
    assert sealed.changed_columns(row) == []


def test_a_deadline_moves_up_to_the_latest(acme: Organization) -> None:
    row = make_credential(acme, "registry.example.com")
    sealed, latest = binding_of(row), row.latest_deadline
    assert latest is not None
    row.deadline = latest
    assert sealed.changed_columns(row) == []
    row.deadline += timedelta(microseconds=1)
    assert sealed.changed_columns(row) == ["deadline"]
    row.latest_deadline = row.deadline
    assert sealed.changed_columns(row) == ["latest_deadline", "deadline"]


def test_whatever_decides_where_a_secret_goes_is_in_it() -> None:
    """A new column of a credential has to be thought about: it is sealed, or it decides nothing."""
    not_sealed = {
        "id", "name", "organization", "epoch", "sealed", "created_by", "received_at", "deadline", "used_count",
        "used_hosts", "last_used_at", "destroyed_at", "destroyed_because", "sign_in_mark",
        "entered_mark",
    }  # fmt: skip
    columns = {field.name for field in Credential._meta.concrete_fields}
    assert columns - not_sealed == set(BINDING.as_json()) - {"organization_id", "credential_id"}
