"""Oracle's registry: user names with their namespace, and logins that it takes for nobody's."""

from __future__ import annotations

import pytest

from registries.providers import PROVIDERS
from tests.registries.providers.test_checks import refused
from tests.support.provider_answers import Stage, means

OCIR = PROVIDERS["ocir"]
HOST = "fra.ocir.io"
NOBODY = "Anonymous users are only allowed read access on public repos"


@pytest.mark.parametrize(
    "username",
    [
        "axk2bcd4efgh/drayage-pull",
        "axk2bcd4efgh/oracleidentitycloudservice/ann@acme.example",
        "axk2bcd4efgh/Default/ann@acme.example",
        "BEARER_TOKEN",
    ],
)
def test_user_names(username: str) -> None:
    assert OCIR.login({"username": username, "password": "x"}, HOST).username == username


@pytest.mark.parametrize(
    ("username", "password", "field"),
    [
        ("ann@acme.example", "x", "username"),
        ("ocid1.user.oc1..example", "x", "username"),
        ("axk2bcd4efgh/ocid1.user.oc1..example", "x", "username"),
        ("axk2bcd4efgh/ann", "-----BEGIN PUBLIC KEY-----", "password"),
    ],
)
def test_what_can_not_work(username: str, password: str, field: str) -> None:
    assert refused(OCIR, HOST, {"username": username, "password": password}).params["field"] == field


@pytest.mark.parametrize(
    ("stage", "status", "body", "login", "code"),
    [
        (Stage.TOKEN, 403, NOBODY, True, "authentication_failed"),
        (Stage.MANIFEST, 403, NOBODY, True, "authentication_failed"),
        (Stage.MANIFEST, 403, NOBODY, False, "access_denied"),
        (Stage.TOKEN, 401, b"", True, "authentication_failed"),
        (Stage.MANIFEST, 403, "You do not have read access to this repository", True, "access_denied"),
        (Stage.MANIFEST, 403, "Repo does not exist or you do not have access", True, "image_not_found"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]}, True, "image_not_found"),
        (Stage.MANIFEST, 429, {"code": "TooManyRequests"}, True, "rate_limited"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, login: bool, code: str) -> None:
    """oracle/docker-images#2551: with a wrong login one is nobody there."""
    assert means("ocir", stage, status, body, login=login).code == code
