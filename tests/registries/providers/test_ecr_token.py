"""GetAuthorizationToken against moto and against AWS's own refusals."""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from registries.failures import PullFailed
from registries.oci.address_guard import AddressGuard
from registries.oci.login import Login
from registries.oci.transport import Session
from registries.providers import PROVIDERS
from registries.providers.ecr_token import get_authorization_token
from tests.support.fakes.aws import ACCOUNT, FakeAws
from tests.support.fakes.certificates import Authority
from tests.support.fakes.faults import Fault
from tests.support.fakes.registry import FakeRegistry
from tests.support.registry_simulations import ECR_HOST, Reply

ECR = PROVIDERS["ecr"]
KEY_ID, SECRET_KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # pragma: allowlist secret
KEY = {"access_key_id": KEY_ID, "secret_access_key": SECRET_KEY}
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE+/=="


def ask(
    values: Mapping[str, str],
    host: str = ECR_HOST,
    *,
    endpoint: str = "",
    guard: AddressGuard | None = None,
    **options: Any,
) -> Login:
    """Ask AWS, or what is at the endpoint, over a session that reaches loopback."""
    session = Session(host, guard or AddressGuard([ip_network("127.0.0.0/8")]), **options)
    return get_authorization_token(values, host, session, endpoint=endpoint)


GOOD = {"authorizationToken": base64.b64encode(b"AWS:secret").decode()}


@pytest.mark.parametrize(
    ("host", "asked", "target", "scope", "answer"),
    [
        (
            ECR_HOST,
            "api.ecr.eu-west-1.amazonaws.com",
            "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
            "eu-west-1/ecr/aws4_request",
            {"authorizationData": [GOOD]},
        ),
        (
            "public.ecr.aws",
            "api.ecr-public.us-east-1.amazonaws.com",
            "SpencerFrontendService.GetAuthorizationToken",
            "us-east-1/ecr-public/aws4_request",
            {"authorizationData": GOOD},
        ),
    ],
    ids=["private", "public"],
)
def test_aws_is_asked_by_its_name_through_the_address_guard_and_the_operators_authorities(
    host: str, asked: str, target: str, scope: str, answer: object, authority: Authority
) -> None:
    """The requests of boto3 took neither, so a proxy that inspects TLS, or an internal endpoint, could not be used."""
    looked_up: list[str] = []
    with FakeRegistry(tls=authority.issue(asked)) as aws:
        aws.faults.append(Reply(200, answer).fault())

        def resolve(name: str, port: int) -> list[tuple[str, int]]:
            looked_up.append(name)
            return [("127.0.0.1", aws.port)]

        guard = AddressGuard([ip_network("127.0.0.0/8")], resolver=resolve)
        login = ask(KEY, host, guard=guard, ca_file=authority.ca_file)
        with pytest.raises(PullFailed) as raised:
            ask(KEY, host, guard=guard)
    assert (login.username, login.secret) == ("AWS", "secret")
    assert set(looked_up) == {asked}
    (sent,) = aws.seen
    assert (sent.method, sent.path, sent.headers["host"]) == ("POST", "/", asked)
    assert sent.headers["x-amz-target"] == target
    assert f"Credential={KEY_ID}/" in sent.headers["authorization"]
    assert scope in sent.headers["authorization"]
    failure = raised.value
    assert (failure.code, failure.params["met"], failure.params["service"]) == ("tls_invalid", asked, "sign_in")


def test_a_private_address_of_aws_is_refused() -> None:
    """What a resolver under somebody else's control could answer."""
    guard = AddressGuard(resolver=lambda host, port: [("10.0.0.7", port)])
    with pytest.raises(PullFailed) as raised:
        ask(KEY, guard=guard)
    failure = raised.value
    assert (failure.code, failure.params["met"]) == ("host_not_allowed", "api.ecr.eu-west-1.amazonaws.com")
    assert "10.0.0.7" not in str(failure.params)


CODES = {
    "authentication_failed": [
        "UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId", "SignatureDoesNotMatch",
        "IncompleteSignature", "IncompleteSignatureException", "InvalidAccessKeyId", "MissingAuthenticationToken",
    ],
    "credential_expired": ["ExpiredTokenException", "ExpiredToken"],
    "access_denied": ["AccessDeniedException", "AccessDenied", "OptInRequired"],
    "rate_limited": [
        "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [(400, code, "x", expected) for expected, codes in CODES.items() for code in codes]
    + [
        (400, "InvalidSignatureException", "Signature not yet current: x", "unexpected"),
        (400, "ExpiredTokenException", "signature expired", "credential_expired"),
        (429, "Other", "x", "rate_limited"),
        (499, "Other", "x", "registry_unreachable"),
        (500, "Other", "x", "registry_unreachable"),
        (503, "Other", "x", "registry_unreachable"),
        (500, "AccessDenied", "x", "access_denied"),
    ],
)
def test_what_aws_s_errors_mean(
    status: int, code: str, message: str, expected: str, aws_refusing: FakeRegistry
) -> None:
    aws_refusing.faults.insert(0, error(code, message, status))
    with pytest.raises(PullFailed) as raised:
        ask(KEY, endpoint=aws_refusing.url)
    assert raised.value.code == expected
    assert raised.value.raw.endswith(f"{status} {code}")
    assert raised.value.params["service"] == "sign_in"


def test_an_error_is_read_from_the_header_too(aws_refusing: FakeRegistry) -> None:
    headers = {"X-Amzn-ErrorType": "AccessDeniedException:http://internal.amazon.com/coral/", "Connection": "close"}
    aws_refusing.faults.insert(0, Reply(400, {"Message": "no"}, headers).fault())
    with pytest.raises(PullFailed) as raised:
        ask(KEY, endpoint=aws_refusing.url)
    assert (raised.value.code, raised.value.raw) == ("access_denied", "400 AccessDeniedException")


@pytest.fixture
def strict_aws(aws: FakeAws) -> Iterator[FakeAws]:
    """AWS with signatures and policies checked."""
    aws.demand_permissions(True)
    yield aws
    aws.demand_permissions(False)


def test_a_signed_request_gets_the_password(
    strict_aws: FakeAws, access_keys: Mapping[str, dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login = ask(access_keys["good"], endpoint=strict_aws.url)
    assert (login.username, login.secret) == ("AWS", f"{ACCOUNT}-auth-token")
    assert login.secret not in repr(login) + caplog.text
    assert access_keys["good"]["secret_access_key"] not in caplog.text


def test_a_session_token_is_sent(aws: FakeAws) -> None:
    key = aws.assume_role("pulls", ["ecr:GetAuthorizationToken"])
    assert ECR.check(key, ECR_HOST) == key
    aws.demand_permissions(True)
    try:
        assert ask(key, endpoint=aws.url).username == "AWS"
        with pytest.raises(PullFailed):
            ask({**key, "session_token": TOKEN}, endpoint=aws.url)
    finally:
        aws.demand_permissions(False)


def test_a_wrong_signature_gets_nothing(strict_aws: FakeAws, access_keys: Mapping[str, dict[str, str]]) -> None:
    with pytest.raises(PullFailed):
        ask(access_keys["wrong"], endpoint=strict_aws.url)


def test_the_host_s_region_signs(aws_refusing: FakeRegistry) -> None:
    with pytest.raises(PullFailed):
        ask(KEY, f"{ACCOUNT}.dkr.ecr.sa-east-1.amazonaws.com", endpoint=aws_refusing.url)
    (asked,) = aws_refusing.seen
    assert f"Credential={KEY_ID}/" in asked.headers["authorization"]
    assert "/sa-east-1/ecr/aws4_request" in asked.headers["authorization"]
    assert asked.headers["x-amz-target"].endswith(".GetAuthorizationToken")


@pytest.fixture
def aws_refusing() -> Iterator[FakeRegistry]:
    """Answers in place of AWS, each time with the newest fault."""
    with FakeRegistry() as running:
        running.faults.append(error("UnrecognizedClientException"))
        yield running


def error(code: str, message: str = "from AWS", status: int = 400) -> Fault:
    body = {"__type": f"com.amazon.coral.service#{code}", "message": message}
    return Reply(status, body, {"Connection": "close"}).fault()


@pytest.mark.parametrize(
    ("fault", "code", "raw"),
    [
        (error("UnrecognizedClientException"), "authentication_failed", "400 UnrecognizedClientException"),
        (error("InvalidSignatureException"), "authentication_failed", "400 InvalidSignatureException"),
        (error("InvalidSignatureException", "Signature expired: it is late"), "unexpected", "clock"),
        (error("ExpiredTokenException"), "credential_expired", "400 ExpiredTokenException"),
        (
            error("AccessDeniedException", "not authorized to perform: ecr:GetAuthorizationToken"),
            "access_denied",
            "400 AccessDeniedException",
        ),
        (error("SomethingNew"), "unexpected", "400 SomethingNew"),
        (error("ThrottlingException"), "rate_limited", "400 ThrottlingException"),
        (error("ServerException", status=500), "registry_unreachable", "500 ServerException"),
        (Reply(200, b"<html>not AWS</html>").fault(), "registry_unreachable", ""),
        (Reply(200, {"authorizationData": []}).fault(), "registry_unreachable", "no token"),
        (Reply(200, {"authorizationData": [{"authorizationToken": "%%%"}]}).fault(), "registry_unreachable", ""),
        (Reply(200, {"authorizationData": [{"authorizationToken": "QVdT"}]}).fault(), "registry_unreachable", ""),
        (Fault("/", raw=b""), "registry_unreachable", ""),
    ],
)
def test_what_aws_answers(fault: Fault, code: str, raw: str, aws_refusing: FakeRegistry) -> None:
    aws_refusing.faults.insert(0, fault)
    with pytest.raises(PullFailed) as raised:
        ask(KEY, endpoint=aws_refusing.url)
    assert raised.value.code == code
    assert raw in raised.value.raw
    assert raised.value.__context__ is None
    assert SECRET_KEY not in str(vars(raised.value))
    assert len(aws_refusing.seen) == 1


def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(PullFailed) as raised:
            ask(KEY, endpoint=f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert (raised.value.code, raised.value.params["service"]) == ("registry_unreachable", "sign_in")


def test_nothing_is_taken_from_the_environment_or_files(
    aws_refusing: FakeRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The machine has other keys, another profile, endpoint, proxy and retry limit, as one of AWS's own may."""
    (tmp_path / "config").write_text("[default]\nendpoint_url = http://127.0.0.1:1\nmax_attempts = 9\n")
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = other\n")
    others: dict[str, str | Path] = {
        "AWS_ACCESS_KEY_ID": "AKIAOTHER",
        "AWS_SECRET_ACCESS_KEY": "other",
        "AWS_SESSION_TOKEN": "other",
        "AWS_PROFILE": "of-somebody",
        "AWS_REGION": "us-east-2",
        "AWS_DEFAULT_REGION": "us-east-2",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_ECR": "http://127.0.0.1:1",
        "AWS_CONFIG_FILE": tmp_path / "config",
        "AWS_SHARED_CREDENTIALS_FILE": tmp_path / "credentials",
        "AWS_MAX_ATTEMPTS": "9",
        "AWS_CA_BUNDLE": tmp_path / "nothing.pem",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "ALL_PROXY": "http://127.0.0.1:1",
    }
    for name, value in others.items():
        monkeypatch.setenv(name, str(value))
    with pytest.raises(PullFailed) as raised:
        ask(KEY, endpoint=aws_refusing.url)
    assert raised.value.code == "authentication_failed"
    (asked,) = aws_refusing.seen
    assert KEY_ID in asked.headers["authorization"]
    assert "/eu-west-1/" in asked.headers["authorization"]
    assert "x-amz-security-token" not in asked.headers
