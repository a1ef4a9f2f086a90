"""A registry of one's own: Basic or Bearer, whichever it asks for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from registries.failures import PullFailed
from registries.providers import PROVIDERS
from tests.registries.oci.conftest import pull
from tests.registries.providers.conftest import Place
from tests.support.provider_answers import Stage, means

OWN = PROVIDERS["self_hosted"]


@pytest.fixture
def place(settle: Callable[[str], Place]) -> Place:
    """With a password file, as in distribution: Basic, and no permissions of repositories."""
    place = settle("self_hosted")
    place.registry.auth = "basic"
    place.registry.challenge = 'Basic realm="Registry Realm"'
    return place


def test_basic(place: Place) -> None:
    pushed = place.registry.push_image(place.pretence.repository, "1.0")
    assert list(pull(place.client(place.login()), place.pretence.repository)) == pushed.layer_digests
    assert {one.headers["host"] for one in place.registry.seen} == {place.pretence.host}


def test_a_wrong_password_is_shown_once(place: Place) -> None:
    with pytest.raises(PullFailed) as raised:
        pull(place.client(place.login(place.pretence.wrong_values)), place.pretence.repository)
    assert OWN.classify(raised.value).code == "authentication_failed"
    assert len([one for one in place.registry.seen if one.kind]) == 1


def test_a_repository_that_is_not_there(place: Place) -> None:
    with pytest.raises(PullFailed) as raised:
        pull(place.client(place.login()), place.pretence.repository)
    assert OWN.classify(raised.value).code == "image_not_found"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (404, {"errors": [{"code": "NAME_UNKNOWN"}]}, "image_not_found"),
        (404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]}, "image_not_found"),
        (403, "denied", "access_denied"),
    ],
)
def test_answers(status: int, body: object, code: str) -> None:
    assert means("self_hosted", Stage.MANIFEST, status, body).code == code
