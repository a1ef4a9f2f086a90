"""Nexus: Basic or tokens by its realm, and Repository Firewall."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from registries.failures import PullFailed
from registries.providers import PROVIDERS
from tests.registries.oci.conftest import pull
from tests.registries.providers.conftest import Place
from tests.support.provider_answers import Stage, means

NEXUS = PROVIDERS["nexus"]
QUARANTINED = (
    "-------------------->>> REQUESTED ITEM IS QUARANTINED -------------------->>> FOR DETAILS SEE ------>>> "
    "https://iq.example/ui/links/firewall/repositories/quarantinedComponent/ABCD <<<------"
)


@pytest.fixture
def place(settle: Callable[[str], Place]) -> Place:
    """A repository with forceBasicAuth, the default of today's versions (nexus-public#921)."""
    place = settle("nexus")
    place.registry.auth = "basic"
    place.registry.challenge = 'BASIC realm="Sonatype Nexus Repository Manager"'
    return place


@pytest.mark.slow
def test_basic(place: Place) -> None:
    pushed = place.registry.push_image(place.pretence.repository, "1.0")
    assert list(pull(place.client(place.login()), place.pretence.repository)) == pushed.layer_digests


@pytest.mark.slow
def test_a_wrong_password_is_shown_once(place: Place) -> None:
    with pytest.raises(PullFailed) as raised:
        pull(place.client(place.login(place.pretence.wrong_values)), place.pretence.repository)
    assert NEXUS.classify(raised.value).code == "authentication_failed"


@pytest.mark.parametrize("kind", ["nexus", "self_hosted"])
def test_quarantine_is_no_missing_permission(kind: str) -> None:
    """NEXUS-21672, and the message as in sonatype's own test of it."""
    failure = means(kind, Stage.MANIFEST, 403, QUARANTINED)
    assert (failure.code, failure.params["case"]) == ("registry_refuses", "policy")
    assert failure.keeps_credential


@pytest.mark.parametrize(
    ("stage", "status", "body", "code"),
    [
        (Stage.TOKEN, 401, b"", "authentication_failed"),
        (Stage.TOKEN, 403, b"", "access_denied"),
        (Stage.MANIFEST, 401, "access to the requested resource is not authorized", "access_denied"),
        (Stage.MANIFEST, 403, "access to the requested resource is not authorized", "access_denied"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]}, "image_not_found"),
        (Stage.MANIFEST, 502, b"<html>Bad Gateway</html>", "registry_unreachable"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, code: str) -> None:
    assert means("nexus", stage, status, body).code == code
