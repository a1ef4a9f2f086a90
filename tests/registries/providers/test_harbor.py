"""Harbor: robot names, and its policies."""

from __future__ import annotations

import pytest

from registries.failures import describe
from registries.providers import PROVIDERS
from tests.support.provider_answers import Stage, means

HARBOR = PROVIDERS["harbor"]
HOST = "harbor.acme.example"
VULNERABLE = (
    "current image with 4 vulnerabilities cannot be pulled due to configured policy in 'Prevent images with "
    'vulnerability severity of "Critical" or higher from running.\' To continue with pull, please contact your project '
    "administrator to exempt matched vulnerabilities through configuring the CVE allowlist."
)
NOT_SCANNED = (
    "current image without vulnerability scanning cannot be pulled due to configured policy in 'Prevent images with "
    'vulnerability severity of "High" or higher from running.\''
)


@pytest.mark.parametrize(
    "username", ["robot$team+drayage", "robot$drayage", "bot-team+drayage", "alice", "robots", "robot+team+drayage"]
)
def test_robots_and_users(username: str) -> None:
    values = {"username": username, "password": "x"}
    assert HARBOR.login(values, HOST).username == username
    assert HARBOR.warnings(values) == ()


@pytest.mark.parametrize("username", ["robot", "robot+drayage"])
def test_names_that_a_shell_has_cut(username: str) -> None:
    """In double quotes `$team` is a variable, and `robot$team+drayage` becomes `robot+drayage`. With another prefix the
    name may be right, so it is only asked about."""
    values = {"username": username, "password": "x"}
    assert [notice.field for notice in HARBOR.warnings(values)] == ["username"]
    assert HARBOR.check(values, HOST) == values


def policy(code: str, message: str) -> object:
    return {"errors": [{"code": code, "message": message}]}


@pytest.mark.parametrize("kind", ["harbor", "self_hosted"])
@pytest.mark.parametrize(
    ("code", "message", "retryable"),
    [
        ("PROJECTPOLICYVIOLATION", VULNERABLE, False),
        ("PROJECTPOLICYVIOLATION", "The image is not signed by cosign.", False),
        ("PROJECTPOLICYVIOLATION", NOT_SCANNED, True),
        ("PROJECT_POLICY_VIOLATION", "Cannot get the image severity.", True),
    ],
    ids=["harbor#19983", "unsigned", "werf#6123", "harbor#8958"],
)
def test_a_policy_is_no_matter_of_the_credential(kind: str, code: str, message: str, retryable: bool) -> None:
    """Neither where the kind is known nor where Harbor is behind a name that doesn't say so. What was just pushed is
    being scanned, which passes."""
    failure = means(kind, Stage.MANIFEST, 412, policy(code, message))
    assert (failure.code, failure.params["case"], failure.retryable) == ("registry_refuses", "policy", retryable)
    assert failure.keeps_credential
    assert "credentials are not the reason" in describe(failure.code, failure.params).text


@pytest.mark.parametrize(
    ("stage", "status", "body", "code"),
    [
        (Stage.TOKEN, 401, b"", "authentication_failed"),
        (Stage.MANIFEST, 401, "unauthorized to access repository: team/app, action: pull", "access_denied"),
        (Stage.MANIFEST, 404, policy("NOT_FOUND", "artifact team/app:1.0 not found"), "image_not_found"),
        (Stage.MANIFEST, 404, policy("NOT_FOUND", "project nobody not found"), "image_not_found"),
        (Stage.MANIFEST, 500, policy("UNKNOWN", "internal server error"), "registry_unreachable"),
        (Stage.MANIFEST, 429, policy("TOOMANYREQUESTS", "You have reached your pull rate limit."), "rate_limited"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, code: str) -> None:
    """The last one is from the registry behind a proxy cache project."""
    assert means("harbor", stage, status, body).code == code
