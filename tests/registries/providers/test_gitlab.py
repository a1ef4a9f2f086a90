"""GitLab: which tokens the registry takes, and what its token service answers."""

from __future__ import annotations

import pytest

from registries.providers import PROVIDERS
from tests.registries.providers.test_checks import refused
from tests.support.provider_answers import Stage, means

GITLAB = PROVIDERS["gitlab"]
HOST = "registry.gitlab.com"
DENIED = "HTTP Basic: Access denied. The provided password or token is incorrect or your account has 2FA enabled"


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("gitlab+deploy-token-4711", "gldt-example"),
        ("drayage", "gldt-example"),
        ("alice", "glpat-example"),
        ("project_4711_bot_1f3a", "glpat-example"),
        ("alice", "a password"),
    ],
)
def test_tokens_and_passwords(username: str, password: str) -> None:
    login = GITLAB.login({"username": username, "password": password}, HOST)
    assert (login.username, login.secret) == (username, password)


@pytest.mark.parametrize(
    ("username", "password", "words"),
    [
        ("gitlab-ci-token", "anything at all", "ends with its job"),
        ("$CI_REGISTRY_USER", "anything at all", "ends with its job"),
        ("alice", "glcbt-64_example", "ends with its job"),
        ("alice", "glrt-example", "deploy token"),
        ("alice", "glptt-example", "deploy token"),
        ("alice", " glft-example", "deploy token"),
    ],
)
def test_tokens_that_are_for_something_else(username: str, password: str, words: str) -> None:
    failure = refused(GITLAB, HOST, {"username": username, "password": password})
    assert failure.params["field"] == "password"
    assert words in str(failure.params["reason"])


@pytest.mark.parametrize(
    ("stage", "status", "body", "code"),
    [
        (Stage.TOKEN, 401, DENIED, "authentication_failed"),
        (Stage.TOKEN, 401, "Token is expired. You can either do re-authorization", "credential_expired"),
        (Stage.TOKEN, 403, "access forbidden", "access_denied"),
        (Stage.TOKEN, 403, b"Forbidden\n", "rate_limited"),
        (Stage.TOKEN, 429, b"Retry later\n", "rate_limited"),
        (
            Stage.TOKEN,
            404,
            {"errors": [{"code": "UNAVAILABLE", "message": "registry not enabled"}]},
            "registry_refuses",
        ),
        (Stage.MANIFEST, 401, "authentication required", "access_denied"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "NAME_UNKNOWN"}]}, "image_not_found"),
        (Stage.MANIFEST, 503, b"<html>maintenance</html>", "registry_unreachable"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, code: str) -> None:
    """The ban is documented as "Git and container registry failed authentication ban"; "access forbidden" is from
    coolify#890 and wud#600, "HTTP Basic: Access denied" from kamal#1498."""
    assert means("gitlab", stage, status, body).code == code


def test_a_missing_scope_does_not_end_the_credential() -> None:
    assert means("gitlab", Stage.TOKEN, 403, "access forbidden").keeps_credential
