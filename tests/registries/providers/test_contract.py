"""What every kind of registry must go through, pretended with its own names, answers and storage."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

import pytest

from registries.failures import PullFailed, describe
from registries.providers import PROVIDERS
from registries.providers.recognise import recognise
from tests.registries.oci.conftest import pull
from tests.registries.providers.conftest import Place
from tests.support.fakes.registry import FakeRegistry
from tests.support.registry_simulations import CANARY, Reply

Settle = Callable[[str], Place]
LAYERS = [b"one layer", b"another layer" * 1000]

PRIVATE = [kind for kind, provider in PROVIDERS.items() if not provider.is_public]

pytestmark = [pytest.mark.parametrize("kind", PRIVATE), pytest.mark.slow]


@pytest.fixture(autouse=True)
def _nothing_secret_is_logged(caplog: pytest.LogCaptureFixture, access_keys: dict[str, dict[str, str]]) -> object:
    caplog.set_level(logging.DEBUG)
    yield
    secrets = [CANARY, CANARY.upper(), "PRIVATE KEY", "123456789012-auth-token"]
    secrets += [key["secret_access_key"] for key in access_keys.values()]
    assert not [secret for secret in secrets if secret in caplog.text]


def failure_of(place: Place, repository: str, version: str = "1.0", *, wrong: bool = False) -> PullFailed:
    """Pull, and return the failure as the provider understands it; see that it contains no secret."""
    values = place.pretence.wrong_values if wrong else place.pretence.values
    with pytest.raises(PullFailed) as raised:
        pull(place.client(place.login(values)), repository, version)
    failure = place.provider.classify(raised.value)
    shown = (
        "".join(traceback.format_exception(raised.value)) + repr(failure) + str(vars(failure)) + repr(failure.response)
    )
    for secret in values.values():
        assert secret not in shown or secret in place.pretence.username
    assert CANARY not in shown.lower()
    words = describe(failure.code, failure.params)
    assert "…" not in words.text + words.remedy
    assert place.provider.hints[failure.code]
    return failure


def test_it_is_recognised_by_its_host(kind: str, settle: Settle) -> None:
    assert recognise(settle(kind).pretence.host).kind == kind


def test_pull(kind: str, settle: Settle) -> None:
    place = settle(kind)
    pretence = place.pretence
    pushed = place.registry.push_image(pretence.repository, "1.0", LAYERS)
    assert list(pull(place.client(place.login()), pretence.repository)) == pushed.layer_digests
    first, *rest = place.registry.seen
    assert (first.path, first.kind) == ("/v2/", "")
    basic = [one for one in rest if one.kind == "basic"]
    shown_to = {pretence.token_host} if pretence.realm else {pretence.host}
    assert {one.headers["host"] for one in basic} == shown_to
    assert {(one.username, one.secret) for one in basic} == {(pretence.username, place.login().secret)}
    assert len(basic) == 1 or not pretence.realm
    assert place.registry.errors == []


def test_a_wrong_secret(kind: str, settle: Settle) -> None:
    place = settle(kind)
    place.registry.push_image(place.pretence.repository, "1.0")
    if kind == "ecr":
        refuse_as_aws(place)
    assert failure_of(place, place.pretence.repository, wrong=True).code == "authentication_failed"
    # Once more without a scope where the token that it got opens nothing.
    shown = 0 if kind == "ecr" else 2 if place.pretence.wrong_gets_token else 1
    assert len([one for one in place.registry.seen if one.kind == "basic"]) == shown


def refuse_as_aws(place: Place) -> None:
    """AWS's own refusal, for moto answers a wrong signature in the format of another protocol."""
    plain = place.stack.enter_context(FakeRegistry())
    body = {"__type": "InvalidSignatureException", "message": "The request signature does not match."}
    plain.faults.append(Reply(400, body).fault())
    place.aws_url = plain.url


def test_a_repository_without_access(kind: str, settle: Settle) -> None:
    place = settle(kind)
    secret = f"{place.pretence.repository}-secret"
    place.registry.push_image(secret, "1.0")
    assert failure_of(place, secret).code == "access_denied"


def test_a_missing_tag(kind: str, settle: Settle) -> None:
    place = settle(kind)
    place.registry.push_image(place.pretence.repository, "1.0")
    assert failure_of(place, place.pretence.repository, "9.9").code == "image_not_found"


def test_blobs_elsewhere(kind: str, settle: Settle) -> None:
    place = settle(kind)
    pushed = place.registry.push_image(place.pretence.repository, "1.0", LAYERS)
    place.registry.fault("/blobs/", redirect=f"https://{place.storage_host}/storage{{path}}?signature=once")
    assert list(pull(place.client(place.login()), place.pretence.repository)) == pushed.layer_digests
    assert len(place.storage.seen) == len(LAYERS) + 1
    assert {one.headers["host"] for one in place.storage.seen} == {place.storage_host}
    assert not [one for one in place.storage.seen if "authorization" in one.headers]


@pytest.mark.parametrize("where", ["/manifests/", "/blobs/"])
def test_a_rate_limit(where: str, kind: str, settle: Settle) -> None:
    place = settle(kind)
    place.registry.push_image(place.pretence.repository, "1.0")
    limited = place.pretence.limited.fault()
    place.registry.fault(where, status=limited.status, body=limited.body, headers=limited.headers)
    failure = failure_of(place, place.pretence.repository)
    assert (failure.code, failure.retryable) == ("rate_limited", True)
    asked = place.pretence.limited.headers.get("Retry-After")
    assert failure.retry_after == (float(asked) if asked else None)


def test_an_outage(kind: str, settle: Settle) -> None:
    place = settle(kind)
    place.registry.push_image(place.pretence.repository, "1.0")
    place.registry.fault("/manifests/", status=503, body=b"<html>Service Unavailable</html>")
    failure = failure_of(place, place.pretence.repository)
    assert (failure.code, failure.retryable) == ("registry_unreachable", True)
