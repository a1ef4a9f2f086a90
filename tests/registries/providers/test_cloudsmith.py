"""Cloudsmith: entitlement tokens, quotas and quarantine."""

from __future__ import annotations

import pytest

from registries.providers import PROVIDERS
from tests.support.provider_answers import Stage, means

CLOUDSMITH = PROVIDERS["cloudsmith"]


def test_an_entitlement_token() -> None:
    login = CLOUDSMITH.login({"username": "token", "password": "example"}, "docker.cloudsmith.io")
    assert (login.username, login.secret) == ("token", "example")


@pytest.mark.parametrize("kind", ["cloudsmith", "self_hosted"])
@pytest.mark.parametrize(
    ("status", "body", "case"),
    [
        (402, b"", "payment"),
        (402, {"detail": "Quota exceeded"}, "payment"),
        (403, "This package has been quarantined", "policy"),
        (404, {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "The package is quarantined"}]}, "policy"),
        (451, "denied by policy", "policy"),
    ],
)
def test_quota_and_quarantine_are_no_matter_of_the_credential(kind: str, status: int, body: object, case: str) -> None:
    """convoy#2143 and caddyserver/dist#114 for the quota, at domains of customers too."""
    failure = means(kind, Stage.MANIFEST, status, body)
    assert (failure.code, failure.params["case"]) == ("registry_refuses", case)
    assert failure.keeps_credential


@pytest.mark.parametrize(
    ("stage", "status", "body", "code"),
    [
        (Stage.TOKEN, 401, "Invalid username or password.", "authentication_failed"),
        (Stage.MANIFEST, 403, "requested access to the resource is denied", "access_denied"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]}, "image_not_found"),
        (Stage.MANIFEST, 429, "Request was throttled.", "rate_limited"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, code: str) -> None:
    assert means("cloudsmith", stage, status, body).code == code
