"""Azure: four ways to sign in, and a 401 that hides a missing role."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

import pytest

from registries.failures import PullFailed
from registries.providers import PROVIDERS
from registries.providers.acr import REFRESH_TOKEN_USER
from tests.registries.providers.conftest import Place
from tests.registries.providers.test_checks import refused
from tests.support.provider_answers import Stage, means

ACR = PROVIDERS["acr"]
HOST = "acme.azurecr.io"
GUID = "e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJqdGkiOiJ4In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("username", "password"),
    [
        (GUID, "x7Q8Q~abc.def_ghi-jkl"),
        ("drayage-pull", "aB3+ACRDm2cXq"),
        ("acme", "admin/password=+1"),
        (REFRESH_TOKEN_USER, JWT),
    ],
)
def test_service_principal_token_admin_and_exposed_token(username: str, password: str) -> None:
    login = ACR.login({"username": username, "password": password}, HOST)
    assert (login.username, login.secret) == (username, password)


@pytest.mark.parametrize(
    ("username", "password", "field", "word"),
    [
        (GUID, "0e2c1f4a-5b6d-4e7f-8a9b-0c1d2e3f4a5b", "password", "Value"),
        (GUID, "0E2C1F4A-5B6D-4E7F-8A9B-0C1D2E3F4A5B ", "password", "Value"),
        (REFRESH_TOKEN_USER, "not a token", "password", "expose-token"),
        ("acme", JWT, "username", REFRESH_TOKEN_USER),
        ("ann@acme.example", "secret", "username", "e-mail"),
        ("http://drayage", "secret", "username", "colon"),
    ],
)
def test_what_can_not_work(username: str, password: str, field: str, word: str) -> None:
    failure = refused(ACR, HOST, {"username": username, "password": password})
    assert failure.params["field"] == field
    assert word in str(failure.params["reason"])


@pytest.mark.parametrize(
    ("stage", "status", "body", "code"),
    [
        (Stage.TOKEN, 401, "authentication required, visit https://aka.ms/acr/authorization", "authentication_failed"),
        (Stage.TOKEN, 403, "client with IP '198.51.100.7' is not allowed access", "access_denied"),
        (Stage.PING, 403, "client with IP '198.51.100.7' is not allowed access", "access_denied"),
        (Stage.MANIFEST, 401, "authentication required", "access_denied"),
        # A token whose scope map has another repository, or not this action.
        (
            Stage.TOKEN,
            401,
            {
                "errors": [
                    {
                        "code": "UNAUTHORIZED",
                        "message": "authentication required",
                        "detail": [{"Type": "repository", "Name": "billing", "Action": "pull"}],
                    }
                ]
            },
            "access_denied",
        ),
        (Stage.MANIFEST, 404, {"errors": [{"code": "NAME_UNKNOWN"}]}, "image_not_found"),
        (Stage.BLOB, 429, b"", "rate_limited"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, code: str) -> None:
    assert means("acr", stage, status, body).code == code


def test_a_401_that_may_be_a_missing_role_does_not_end_the_credential() -> None:
    """A role that was just given takes minutes to work."""
    failure = means("acr", Stage.TOKEN, 401, "authentication required, visit https://aka.ms/acr/authorization")
    assert (failure.code, failure.keeps_credential) == ("authentication_failed", True)
    assert not means("quay", Stage.TOKEN, 401, "Invalid username or password.").keeps_credential


def test_the_tags_of_a_token_without_metadata_read(settle: Callable[[str], Place]) -> None:
    """Azure demands another scope for a list of tags, which a scope map may not give (renovate#14708)."""
    place = settle("acr")
    place.registry.push_image(place.pretence.repository, "1.0")
    demanded = f'{place.pretence.challenge},scope="repository:billing:metadata_read",error="insufficient_scope"'
    denied = place.pretence.denied.fault()
    place.registry.fault("/tags/list", status=401, body=denied.body, headers={"WWW-Authenticate": demanded})
    with pytest.raises(PullFailed) as raised:
        place.client(place.login()).tags(place.pretence.repository)
    failure = ACR.classify(raised.value)
    assert (failure.code, failure.keeps_credential) == ("access_denied", True)
    scopes = [parse_qs(one.query)["scope"] for one in place.registry.seen if one.path == "/oauth2/token"]
    assert "repository:billing:metadata_read" in scopes[-1]


def test_as_a_401_may_hide_a_role_the_hint_names_it() -> None:
    assert "AcrPull" in ACR.hints["authentication_failed"]
    assert "AcrPull" in ACR.hints["access_denied"]
