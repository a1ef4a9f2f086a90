"""GitHub: classic tokens only, and a 403 that means a wrong one."""

from __future__ import annotations

import pytest

from registries.providers import PROVIDERS
from tests.registries.providers.test_checks import refused
from tests.support.provider_answers import Stage, means

GHCR = PROVIDERS["ghcr"]


@pytest.mark.parametrize("token", ["github_pat_11ABCDEFG0", " github_pat_11ABCDEFG0"])
def test_fine_grained_tokens_are_refused(token: str) -> None:
    failure = refused(GHCR, "ghcr.io", {"username": "octocat", "password": token})
    assert failure.params["field"] == "password"
    assert "classic" in str(failure.params["reason"])


@pytest.mark.parametrize("token", ["ghp_x", "gho_x", "ghs_x", "0123456789abcdef0123456789abcdef01234567"])
def test_other_tokens_are_taken(token: str) -> None:
    assert GHCR.login({"username": "octocat", "password": token}, "ghcr.io").secret == token


@pytest.mark.parametrize(
    ("stage", "status", "body", "login", "code"),
    [
        (Stage.TOKEN, 403, "denied", True, "authentication_failed"),
        (Stage.TOKEN, 403, "requested access to the resource is denied", True, "authentication_failed"),
        (Stage.TOKEN, 403, "requested access to the resource is denied", False, "access_denied"),
        (Stage.TOKEN, 403, "permission_denied: read_package", True, "access_denied"),
        (Stage.TOKEN, 403, "Resource protected by organization SAML enforcement", True, "access_denied"),
        (
            Stage.TOKEN,
            403,
            "the `acme` organization has an IP allow list enabled, and your IP address is not permitted to access it",
            True,
            "access_denied",
        ),
        (Stage.TOKEN, 403, "The organization account is locked due to a billing issue.", True, "registry_refuses"),
        (Stage.TOKEN, 401, "authentication required", True, "authentication_failed"),
        (Stage.TOKEN, 401, "authentication required", False, "access_denied"),
        (Stage.MANIFEST, 403, "permission_denied: read_package", True, "access_denied"),
        (Stage.MANIFEST, 403, "denied", True, "access_denied"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]}, True, "image_not_found"),
        (Stage.TOKEN, 502, b"", True, "registry_unreachable"),
        (Stage.TOKEN, 403, b"", True, "registry_unreachable"),
        (Stage.TOKEN, 403, b"<html><body>Access has been restricted</body></html>", True, "registry_unreachable"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, login: bool, code: str) -> None:
    assert means("ghcr", stage, status, body, login=login).code == code


def test_the_hint_names_the_scope_and_single_sign_on() -> None:
    assert "read:packages" in GHCR.hints["authentication_failed"]
    assert "SSO" in GHCR.hints["access_denied"]
