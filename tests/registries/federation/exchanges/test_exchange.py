"""A token becomes a login that reads one repository, at each cloud, and each failure says whose move it is."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from registries.failures import AccessDenied, PullFailed, RegistryUnreachable
from registries.federation.identities import Identity
from registries.federation.issuer import issuer_of
from registries.oci.client import RegistryClient
from tests.support.fakes.clouds.server import Clouds
from tests.support.fakes.faults import Fault
from tests.support.trusts import (
    CASES,
    KINDS,
    OTHER_REPOSITORY,
    REPOSITORY,
    CloudCase,
    exchange,
    guard_of,
    refusal,
    token_for,
)

SERVICES = {
    "ecr": "sts.eu-west-1.amazonaws.com",
    "google": "sts.googleapis.com",
    "acr": "login.microsoftonline.com",
    "quay": "quay.io",
}
each_cloud = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
each_kind = pytest.mark.parametrize("case", KINDS, ids=lambda case: case.kind)


@each_cloud
def test_a_token_becomes_a_login_that_reads_the_image(clouds: Clouds, identity: Identity, case: CloudCase) -> None:
    token = token_for(identity, case)
    case.allow(clouds, token.issuer, token.subject)

    login = exchange(clouds, case, token.text)

    with RegistryClient(case.host, login=login, guard=guard_of(clouds), ca_file=clouds.ca_file) as client:
        client.authenticate(REPOSITORY, "1.0")
        assert client.fetch_manifest(REPOSITORY, "1.0").digest.startswith("sha256:")
    assert login.secret not in repr(login)
    assert any(address.endswith("/jwks") for address in clouds.fetched)


def test_at_aws_the_session_reads_one_repository_whatever_the_role_may(clouds: Clouds, identity: Identity) -> None:
    case = CASES["ecr"]
    token = token_for(identity, case)
    case.allow(clouds, token.issuer, token.subject)
    login = exchange(clouds, case, token.text)

    (call,) = clouds.aws.calls
    policy = json.loads(call["Policy"])
    assert policy["Statement"][1]["Resource"] == f"arn:aws:ecr:eu-west-1:123456789012:repository/{REPOSITORY}"
    assert (call["DurationSeconds"], call["RoleSessionName"]) == ("900", "pull-7")
    assert clouds.aws.reads(login.secret) == {REPOSITORY}
    assert OTHER_REPOSITORY in clouds.aws.roles[case.settings["role_arn"]].repositories


class TestWhatIsNotThere:
    def test_a_role(self, clouds: Clouds, identity: Identity) -> None:
        case = CASES["ecr"]
        token = token_for(identity, case)
        case.allow(clouds, token.issuer, token.subject)

        failure = refusal(clouds, case, token.text, role_arn="arn:aws:iam::123456789012:role/other")

        assert (failure.code, failure.params["case"]) == ("trust_refused", "subject")

    def test_a_provider_of_a_pool(self, clouds: Clouds, identity: Identity) -> None:
        failure = refusal(clouds, CASES["google"], token_for(identity, CASES["google"]).text)

        assert (failure.code, failure.params["case"]) == ("trust_refused", "role")
        assert "workload identity provider" in failure.words.text

    def test_a_service_account_that_may_not_be_used(self, clouds: Clouds, identity: Identity) -> None:
        case = CASES["google account"]
        token = token_for(identity, case)
        case.allow(clouds, token.issuer, token.subject)
        clouds.google.impersonators.clear()

        failure = refusal(clouds, case, token.text)

        assert (failure.code, failure.params["case"]) == ("trust_refused", "account")

    @pytest.mark.parametrize(
        ("changed", "setting"),
        [({"tenant_id": str(uuid4())}, "tenant"), ({"client_id": str(uuid4())}, "client")],
        ids=["tenant", "client"],
    )
    def test_an_application(self, clouds: Clouds, identity: Identity, changed: dict[str, str], setting: str) -> None:
        case = CASES["acr"]
        token = token_for(identity, case)
        case.allow(clouds, token.issuer, token.subject)

        failure = refusal(clouds, case, token.text, **changed)

        assert (failure.code, failure.params["case"]) == ("trust_refused", "role")
        assert setting in failure.words.text

    def test_the_role_acrpull(self, clouds: Clouds, identity: Identity) -> None:
        case = CASES["acr"]
        token = token_for(identity, case)
        case.allow(clouds, token.issuer, token.subject)
        clouds.azure.pullers.clear()

        failure = refusal(clouds, case, token.text)

        assert isinstance(failure, AccessDenied)
        assert failure.params["case"] == "trust"

    def test_a_robot(self, clouds: Clouds, identity: Identity) -> None:
        failure = refusal(clouds, CASES["quay"], token_for(identity, CASES["quay"]).text)

        assert (failure.code, failure.params["case"]) == ("trust_refused", "role")

    def test_a_quay_without_keyless_robots(self, clouds: Clouds, identity: Identity) -> None:
        clouds.instead["quay.io"] = Fault("", status=404, body=b"<html>not found</html>")

        failure = refusal(clouds, CASES["quay"], token_for(identity, CASES["quay"]).text)

        assert (failure.code, failure.params["case"]) == ("trust_refused", "unsupported")


@pytest.mark.parametrize(
    "answer",
    [
        Fault("", status=200, body=b"<!doctype html><title>Sign in</title>"),
        Fault("", status=500, body=b"oops"),
        Fault("", status=503, body=b""),
        Fault("", status=200, body=b""),
        Fault("", status=200, body=b"{}"),
        Fault("", status=200, body=b"[" * 5000),
        Fault("", redirect="https://evil.example/{path}"),
        Fault("", raw=b""),
        Fault("", stall_after=0, status=200, body=b"x" * 9),
        Fault("", status=200, body=b"x" * 200_000),
    ],
    ids=["page", "error", "busy", "empty", "no token", "nested", "redirect", "closed", "silent", "large"],
)
@each_kind
def test_an_answer_that_is_none_of_the_clouds_is_tried_again(
    clouds: Clouds, identity: Identity, case: CloudCase, answer: Fault
) -> None:
    token = token_for(identity, case)
    case.allow(clouds, token.issuer, token.subject)
    clouds.instead[SERVICES[case.kind]] = answer

    failure = refusal(clouds, case, token.text)

    assert isinstance(failure, RegistryUnreachable)
    assert failure.retryable


@each_kind
def test_too_many_calls_are_waited_for(clouds: Clouds, identity: Identity, case: CloudCase) -> None:
    clouds.instead[SERVICES[case.kind]] = Fault("", status=429, body=b"{}", headers={"Retry-After": "7"})

    failure = refusal(clouds, case, token_for(identity, case).text)

    assert (failure.code, failure.retry_after) == ("rate_limited", 7.0)


@each_kind
def test_a_certificate_of_nobody_gets_no_token(clouds: Clouds, identity: Identity, case: CloudCase) -> None:
    """Without the operator's authority, the fakes' certificates are nobody's."""
    clouds.ca_file = None  # type: ignore[assignment]

    failure = refusal(clouds, case, token_for(identity, case).text)

    assert failure.code == "tls_invalid"
    assert clouds.seen == []


def test_a_token_that_a_quay_of_somebody_gets_is_worth_nothing_at_quay_io(clouds: Clouds, identity: Identity) -> None:
    """Even where the robot at quay.io is bound without an audience, to the project's plain subject."""
    quay = CASES["quay"]
    plain = token_for(identity, quay)
    quay.allow(clouds, plain.issuer, plain.subject)
    (binding,) = clouds.quay.robots["quay.io", "acme+drayage"]
    clouds.quay.robots["quay.io", "acme+drayage"] = [type(binding)(binding.issuer, binding.subject)]
    own = CASES["own quay"]
    refusal(clouds, own, token_for(identity, own).text)
    (stolen,) = clouds.quay.shown

    failure = refusal(clouds, quay, stolen)

    assert failure.params["case"] == "subject"
    assert issuer_of(identity.organization_uuid) == plain.issuer


def test_a_repository_can_not_widen_the_policy(clouds: Clouds, identity: Identity) -> None:
    case = CASES["ecr"]
    for repository in ("shop/*", "shop/w?b", "${aws:username}"):
        with pytest.raises(PullFailed):
            exchange(clouds, case, token_for(identity, case).text, repository=repository)
    assert clouds.aws.calls == []
