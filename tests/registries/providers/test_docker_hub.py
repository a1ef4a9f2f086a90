"""Docker Hub: who signs in, and its token service's own words."""

from __future__ import annotations

import pytest

from registries.providers import PROVIDERS
from tests.registries.providers.test_checks import refused
from tests.support.provider_answers import Stage, means

HUB = PROVIDERS["docker_hub"]


@pytest.mark.parametrize("username", ["ann@acme.example", " ann@acme.example", "@"])
def test_an_email_is_no_docker_id(username: str) -> None:
    failure = refused(HUB, "docker.io", {"username": username, "password": "dckr_pat_x"})
    assert failure.params["field"] == "username"
    assert "e-mail" in str(failure.params["reason"])


def test_passwords_and_tokens_of_every_kind_are_taken() -> None:
    for secret in ("dckr_pat_x", "dckr_oat_x", "an old password", "7b3e0f7c-0000-4000-8000-000000000000"):
        assert HUB.login({"username": "acme", "password": secret}, "docker.io").secret == secret


@pytest.mark.parametrize(
    ("stage", "status", "body", "code"),
    [
        (Stage.TOKEN, 401, {"details": "incorrect username or password"}, "authentication_failed"),
        (Stage.TOKEN, 401, {"details": "Too many failed login attempts for username or IP"}, "rate_limited"),
        (Stage.TOKEN, 403, b"<html>Request forbidden by administrative rules</html>", "registry_unreachable"),
        (Stage.TOKEN, 403, {"details": "this account is suspended"}, "access_denied"),
        (Stage.TOKEN, 429, b"Too Many Requests", "rate_limited"),
        (Stage.MANIFEST, 401, "authentication required", "access_denied"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]}, "image_not_found"),
        (Stage.MANIFEST, 429, {"errors": [{"code": "TOOMANYREQUESTS"}]}, "rate_limited"),
        (Stage.MANIFEST, 503, b"<html></html>", "registry_unreachable"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, code: str) -> None:
    assert means("docker_hub", stage, status, body).code == code
