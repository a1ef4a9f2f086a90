"""Somebody who can write to the database gets from it no API key and no invitation that gives more than his own."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from portal.models import ApiKey, Organization, User
from portal.organizations.api_keys import KeyRefused, create_key, rotate
from portal.organizations.invitations import invite
from registries.foundation.actor import CONSOLE
from registries.secrets import one_time
from registries.secrets.one_time import Purpose
from tests.support.raw_sql import sql


@pytest.fixture
def key(mallory: User) -> str:
    organization = Organization.objects.get(slug="umbrella")
    return create_key(organization_id=organization.pk, name="own", scope="read", by=CONSOLE)[1]


def status(key: str, organization: str = "umbrella") -> int:
    address = f"/api/public/organizations/{organization}/quotas"
    return Client(headers={"Salad-Api-Key": key}).get(address).status_code


def test_a_key_that_he_made_up(acme: Any) -> None:
    key = one_time.new("drayage_")
    row = {"id": uuid.uuid4(), "organization": acme, "name": "x", "prefix": key[:14], "scope": "write"}
    ApiKey.objects.create(**row, key_hash=hashlib.sha256(key.encode()).hexdigest())
    assert status(key, "acme") == 401


def test_the_digest_of_another_table(acme: Any, mallory: User) -> None:
    """The token of his own invitation has the form of a key, and its digest goes into the table of keys."""
    key = one_time.new("drayage_")
    digest = one_time.digest_of(key, Purpose.INVITATION)
    ApiKey.objects.create(organization=acme, name="x", prefix=key[:14], key_hash=digest, scope="write")
    assert status(key, "acme") == 401


@pytest.mark.parametrize("column", ["scope", "organization_id", "expires_at", "id", "seal"])
def test_more_than_his_own_key_gives(column: str, key: str, acme: Any) -> None:
    assert status(key) == 200
    values = {
        "scope": "write", "organization_id": acme.pk, "expires_at": timezone.now() + timedelta(days=9),
        "id": uuid.uuid4().hex if connection.vendor == "sqlite" else uuid.uuid4(), "seal": "",
    }  # fmt: skip
    sql(f"UPDATE portal_apikey SET {column} = %s", values[column])
    assert status(key) in (401, 403)
    assert status(key, "acme") in (401, 403)
    row = ApiKey.objects.get()
    with pytest.raises(KeyRefused):
        rotate(row, by=CONSOLE)


def test_honest_keys_work_until_they_are_revoked(key: str) -> None:
    _, second = rotate(ApiKey.objects.get(), by=CONSOLE)
    assert (status(key), status(second)) == (401, 200)


@pytest.mark.parametrize("column", ["role", "email", "organization_id", "expires_at", "seal"])
def test_more_than_his_own_invitation_gives(column: str, mallory: User, acme: Any) -> None:
    own = Organization.objects.get(slug="umbrella")
    _, token = invite(own, email="rogue@umbrella.example", role="viewer", by=CONSOLE)
    assert Client().get(f"/invitations/{token}/", follow=True).status_code == 200
    values = {
        "role": "owner", "email": "other@umbrella.example", "organization_id": acme.pk,
        "expires_at": timezone.now() + timedelta(days=90), "seal": "1." + "A" * 43,
    }  # fmt: skip
    sql(f"UPDATE portal_invitation SET {column} = %s", values[column])
    assert Client().get(f"/invitations/{token}/").status_code == 404
