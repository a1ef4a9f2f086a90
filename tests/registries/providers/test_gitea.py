"""Gitea and Forgejo: the names of their middlewares as error messages."""

from __future__ import annotations

import pytest

from registries.providers import PROVIDERS
from tests.support.provider_answers import Stage, means

GITEA = PROVIDERS["gitea"]


@pytest.mark.parametrize("kind", ["gitea", "self_hosted"])
@pytest.mark.parametrize(
    ("stage", "status", "body", "code"),
    [
        (Stage.TOKEN, 401, "authGroup.Verify", "authentication_failed"),
        (Stage.TOKEN, 401, "", "authentication_failed"),
        (Stage.PING, 401, "authGroup.Verify", "authentication_failed"),
        (Stage.MANIFEST, 401, "reqPackageAccess", "access_denied"),
        (Stage.TOKEN, 401, "reqPackageAccess", "access_denied"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "MANIFEST_UNKNOWN", "message": ""}]}, "image_not_found"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "NAME_UNKNOWN", "message": ""}]}, "image_not_found"),
    ],
)
def test_answers(kind: str, stage: Stage, status: int, body: object, code: str) -> None:
    """gitea#33227 ("authGroup.Verify"), gitea#31531 and gitea#33732 ("reqPackageAccess")."""
    assert means(kind, stage, status, body).code == code


def test_the_hints_name_the_permission_without_which_a_token_can_not_sign_in() -> None:
    """gitea#32379."""
    assert "package: Read" in GITEA.hints["authentication_failed"]


def test_a_wrong_root_url_has_a_hint() -> None:
    """The token service is wherever ROOT_URL says (gitea#33227)."""
    assert "ROOT_URL" in GITEA.hints["host_not_allowed"]
