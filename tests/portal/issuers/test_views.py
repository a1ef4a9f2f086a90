"""The documents that clouds fetch."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.test import Client
from pytest_django import Settings
from pytest_django.fixtures import DjangoAssertNumQueries

from groups.models import Quota
from portal.models import Organization
from registries.secrets import issuer_keys

DOCUMENTS = (".well-known/openid-configuration", "jwks")


@pytest.fixture(autouse=True)
def _public_address(settings: Settings) -> None:
    settings.PORTAL_PUBLIC_URL = "https://portal.example"
    settings.ALLOWED_HOSTS = ["portal.example", "testserver"]


def test_discovery_leads_to_the_keys(acme: Organization, client: Client) -> None:
    document = client.get(f"/oidc/{acme.uuid}/.well-known/openid-configuration").json()

    assert document["issuer"] == f"https://portal.example/oidc/{acme.uuid}"
    assert document["jwks_uri"] == f"https://portal.example/oidc/{acme.uuid}/jwks"
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]
    assert document["response_types_supported"] == ["id_token"]
    assert document["subject_types_supported"] == ["public"]
    assert {"iss", "sub", "aud", "exp", "jti", "pull"} <= set(document["claims_supported"])
    keys = client.get(document["jwks_uri"].removeprefix("https://portal.example")).json()["keys"]
    assert keys == issuer_keys.public_keys()
    assert keys


@pytest.mark.parametrize("document", DOCUMENTS)
def test_they_are_public_and_leave_no_session(
    acme: Organization, client: Client, document: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        response = client.get(f"/oidc/{acme.uuid}/{document}")

    assert response.status_code == 200
    assert not response.cookies
    assert response["Cache-Control"] == "public, max-age=10"
    assert "Cookie" not in response.get("Vary", "")
    assert client.head(f"/oidc/{acme.uuid}/{document}").status_code == 200
    assert client.post(f"/oidc/{acme.uuid}/{document}").status_code == 405


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_web_zone_serves_them(acme: Organization, client: Client, settings: Settings, document: str) -> None:
    settings.PORTAL_ZONE = "web"

    assert client.get(f"/oidc/{acme.uuid}/{document}").status_code == 200


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nobody_elses_issuer_exists(acme: Organization, client: Client, document: str) -> None:
    assert client.get(f"/oidc/{uuid4()}/{document}").status_code == 404
    assert client.get(f"/oidc/{str(acme.uuid).upper()}/{document}").status_code == 404
    assert client.get(f"/oidc/{acme.slug}/{document}").status_code == 404


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_suspended_organization_has_no_issuer(acme: Organization, client: Client, document: str) -> None:
    Quota.objects.filter(organization_id=acme.pk).update(suspended_at=Now())
    assert client.get(f"/oidc/{acme.uuid}/{document}").status_code == 404

    Quota.objects.filter(organization_id=acme.pk).update(suspended_at=None)
    assert client.get(f"/oidc/{acme.uuid}/{document}").status_code == 200


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nor_has_a_deleted_one(acme: Organization, client: Client, document: str) -> None:
    address = f"/oidc/{acme.uuid}/{document}"
    acme.delete()

    assert client.get(address).status_code == 404
