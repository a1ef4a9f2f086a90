"""Quay: robot names, and answers that only Quay gives."""

from __future__ import annotations

import pytest

from registries.providers import PROVIDERS
from tests.registries.providers.test_checks import refused
from tests.support.provider_answers import Stage, means

QUAY = PROVIDERS["quay"]


@pytest.mark.parametrize("username", ["acme+drayage", "acme.labs_2+pull_bot", "acme", "$oauthtoken", "$app"])
def test_robots_users_and_tokens(username: str) -> None:
    assert QUAY.login({"username": username, "password": "X" * 64}, "quay.io").username == username


@pytest.mark.parametrize(
    "username", ["+drayage", "acme+", "acme+dray+age", "Acme+Drayage", "acme +drayage", "ann@acme.example", "$robot"]
)
def test_names_that_no_robot_has(username: str) -> None:
    assert refused(QUAY, "quay.io", {"username": username, "password": "X" * 64}).params["field"] == "username"


@pytest.mark.parametrize(
    ("stage", "status", "body", "login", "code"),
    [
        (Stage.TOKEN, 401, "Could not find robot with specified username", True, "authentication_failed"),
        (Stage.TOKEN, 401, "Invalid username or password.", True, "authentication_failed"),
        (Stage.TOKEN, 401, {"error": "Invalid Username or Password"}, True, "authentication_failed"),
        (Stage.TOKEN, 401, "access to the requested resource is not authorized", True, "access_denied"),
        (Stage.TOKEN, 401, b"", True, "authentication_failed"),
        (Stage.MANIFEST, 401, "access to the requested resource is not authorized", True, "access_denied"),
        (Stage.TOKEN, 405, "This namespace is disabled", True, "access_denied"),
        (Stage.MANIFEST, 405, "This namespace is disabled", False, "access_denied"),
        (Stage.PING, 405, "This namespace is disabled", False, "access_denied"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "TAG_EXPIRED"}]}, True, "image_not_found"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]}, True, "image_not_found"),
        (Stage.BLOB, 429, b"<html>", True, "rate_limited"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, login: bool, code: str) -> None:
    assert means("quay", stage, status, body, login=login).code == code
