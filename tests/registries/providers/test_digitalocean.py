"""DigitalOcean: one token that is user name and password."""

from __future__ import annotations

import pytest

from registries.providers import PROVIDERS
from tests.registries.providers.test_checks import refused
from tests.support.provider_answers import Stage, means

DIGITALOCEAN = PROVIDERS["digitalocean"]
HOST = "registry.digitalocean.com"
TOKEN = "dop_v1_" + "example"


def test_the_token_is_user_name_and_password() -> None:
    """docker/login-action#895: the email address is not accepted."""
    login = DIGITALOCEAN.login({"username": "ann@acme.example", "password": TOKEN}, HOST)
    assert (login.username, login.secret) == (TOKEN, TOKEN)


def test_it_stays_on_no_receipt() -> None:
    assert DIGITALOCEAN.check({"username": TOKEN, "password": TOKEN}, HOST) == {"password": TOKEN}
    assert DIGITALOCEAN.secret_names == {"password"}


@pytest.mark.parametrize("token", [f"alice:{TOKEN}", "DO" + "00EXAMPLE" * 2])
def test_what_is_no_token(token: str) -> None:
    assert refused(DIGITALOCEAN, HOST, {"password": token}).params["field"] == "password"


@pytest.mark.parametrize(
    ("stage", "status", "body", "login", "code"),
    [
        (
            Stage.TOKEN,
            401,
            {"id": "Unauthorized", "message": "Unable to authenticate you"},
            True,
            "authentication_failed",
        ),
        (Stage.TOKEN, 400, {"errors": [{"code": "NAME_INVALID"}]}, True, "access_denied"),
        (Stage.TOKEN, 403, {"id": "Forbidden", "message": "you do not have access"}, True, "access_denied"),
        (Stage.TOKEN, 405, b"", False, "authentication_failed"),
        (Stage.TOKEN, 429, {"id": "too_many_requests"}, True, "rate_limited"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]}, True, "image_not_found"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, login: bool, code: str) -> None:
    assert means("digitalocean", stage, status, body, login=login).code == code
