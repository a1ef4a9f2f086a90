"""Scaleway: the secret key alone."""

from __future__ import annotations

import pytest

from registries.providers import PROVIDERS
from tests.registries.providers.test_checks import refused
from tests.support.provider_answers import Stage, means

SCALEWAY = PROVIDERS["scaleway"]
HOST = "rg.fr-par.scw.cloud"


def test_the_user_name_counts_for_nothing() -> None:
    login = SCALEWAY.login({"username": "alice", "password": "example"}, HOST)
    assert (login.username, login.secret) == ("nologin", "example")


def test_the_access_key_is_named() -> None:
    failure = refused(SCALEWAY, HOST, {"password": "SCW" + "EXAMPLE" * 2 + "EXA"})
    assert failure.params["field"] == "password"


@pytest.mark.parametrize(
    ("stage", "status", "body", "code"),
    [
        (Stage.TOKEN, 401, {"message": "authentication is denied"}, "authentication_failed"),
        (Stage.TOKEN, 403, {"message": "insufficient permissions"}, "access_denied"),
        (Stage.TOKEN, 404, {"message": "resource is not found"}, "access_denied"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]}, "image_not_found"),
        (Stage.TOKEN, 503, b"", "registry_unreachable"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, code: str) -> None:
    assert means("scaleway", stage, status, body).code == code
