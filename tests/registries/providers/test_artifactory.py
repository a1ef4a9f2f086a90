"""Artifactory: tokens, and blocks of Xray and Curation that look like a missing permission."""

from __future__ import annotations

import pytest

from registries.providers import PROVIDERS
from tests.registries.providers.test_checks import refused
from tests.support.provider_answers import Stage, means

ARTIFACTORY = PROVIDERS["artifactory"]
HOST = "acme.jfrog.io"
BLOCKED = (
    "Artifact download request rejected: docker/app/1.0/manifest.json was not downloaded due to the download blocking "
    "policy configured in Xray for docker-local."
)


def rejected(message: str, status: int = 403) -> object:
    """Artifactory's own error model: a status in place of a code."""
    return {"errors": [{"status": status, "message": message}]}


def test_an_api_key_is_named() -> None:
    failure = refused(ARTIFACTORY, HOST, {"username": "alice", "password": "AKCp" + "example" * 3})
    assert failure.params["field"] == "password"
    assert "identity token" in str(failure.params["reason"])


@pytest.mark.parametrize("kind", ["artifactory", "self_hosted"])
@pytest.mark.parametrize(
    ("message", "retryable"),
    [
        (BLOCKED, False),
        (f"{BLOCKED} Xray is unavailable.", True),
        ("Package docker/app:1.0 was blocked by JFrog Packages Curation service due to the following policies", False),
        ("download was rejected by a curation policy", False),
        ("Image app:1.0 is blocked by Xray: a watch found a violation", False),
    ],
    ids=["StatCan/aaw#1744", "git-secret#801", "curation", "curation policy", "xray"],
)
def test_a_block_is_no_missing_permission(kind: str, message: str, retryable: bool) -> None:
    failure = means(kind, Stage.MANIFEST, 403, rejected(message))
    assert (failure.code, failure.params["case"], failure.retryable) == ("registry_refuses", "policy", retryable)
    assert failure.keeps_credential


@pytest.mark.parametrize(
    ("stage", "status", "body", "code"),
    [
        (Stage.TOKEN, 401, rejected("Bad Credentials", 401), "authentication_failed"),
        (Stage.PING, 401, rejected("Bad Credentials", 401), "authentication_failed"),
        (Stage.TOKEN, 403, rejected("Wrong username was used"), "authentication_failed"),
        (Stage.TOKEN, 401, rejected("Token failed verification: expired", 401), "credential_expired"),
        (Stage.TOKEN, 401, rejected("Token failed verification: signature", 401), "authentication_failed"),
        (Stage.MANIFEST, 403, "The client does not have permission for manifest: 1.0", "access_denied"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]}, "image_not_found"),
        (Stage.BLOB, 503, rejected("Server is starting", 503), "registry_unreachable"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, code: str) -> None:
    assert means("artifactory", stage, status, body).code == code
