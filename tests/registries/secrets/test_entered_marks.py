"""What was entered with a credential is offered again only as it was entered."""

from __future__ import annotations

import pytest

from portal.models import Organization
from registries.credential_rows import empty_credential
from registries.models import Credential
from registries.secrets.entered_marks import entered_values
from tests.support.pulls import USER, make_credential

HOST = "registry.example.com"


@pytest.fixture
def row(acme: Organization) -> Credential:
    return make_credential(acme, HOST)


def test_what_was_entered_is_offered_again_after_the_secret_is_destroyed(row: Credential) -> None:
    empty_credential(row.pk, reason="settled")
    row.refresh_from_db()

    assert entered_values(row) == {"username": USER, "ca": ""}


@pytest.mark.parametrize(
    "changed",
    [
        {"ca": "-----BEGIN CERTIFICATE-----"},
        {"fields": {"username": "mallory"}},
        {"host": "registry.example.net"},
        {"provider": "ghcr"},
        {"repository": "a/b"},
        {"entered_mark": ""},
        {"entered_mark": "x" * 43},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_somebody_wrote_into_the_database_is_not_offered(row: Credential, changed: dict[str, object]) -> None:
    Credential.objects.filter(pk=row.pk).update(**changed)
    row.refresh_from_db()

    assert entered_values(row) == {}


def test_the_mark_of_another_row_is_none(row: Credential, acme: Organization) -> None:
    other = make_credential(acme, HOST)
    row.entered_mark = other.entered_mark

    assert entered_values(row) == {}
