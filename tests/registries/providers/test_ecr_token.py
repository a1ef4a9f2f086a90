"""GetAuthorizationToken against moto and against AWS's own refusals."""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3.session
import pytest
from botocore.exceptions import ClientError

from registries.failures import PullFailed
from registries.providers import PROVIDERS
from registries.providers.ecr_token import get_authorization_token
from tests.support.fakes.aws import ACCOUNT, FakeAws
from tests.support.fakes.faults import Fault
from tests.support.fakes.registry import FakeRegistry
from tests.support.registry_simulations import ECR_HOST, Reply

ECR = PROVIDERS["ecr"]
KEY_ID, SECRET_KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # pragma: allowlist secret
KEY = {"access_key_id": KEY_ID, "secret_access_key": SECRET_KEY}
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE+/=="


def test_aws_s_own_host_is_asked_over_tls_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    answer = {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:secret").decode()}]}

    def client(self: object, service: str, **options: Any) -> object:
        made.append({"service": service, **options})
        return SimpleNamespace(get_authorization_token=lambda: answer, close=lambda: made.append({"closed": True}))

    monkeypatch.setattr(boto3.session.Session, "client", client)
    login = get_authorization_token(KEY, ECR_HOST)
    assert (login.username, login.secret) == ("AWS", "secret")
    [options, closed] = made
    config = options.pop("config")
    assert closed == {"closed": True}
    assert options == {
        "service": "ecr",
        "region_name": "eu-west-1",
        "aws_access_key_id": KEY_ID,
        "aws_secret_access_key": SECRET_KEY,
        "aws_session_token": None,
        "endpoint_url": "https://api.ecr.eu-west-1.amazonaws.com",
        "verify": True,
    }
    assert (config.connect_timeout, config.read_timeout, config.proxies) == (10, 20, {})
    assert config.retries == {"total_max_attempts": 2, "mode": "standard"}


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
        (499, "Other", "x", "unexpected"),
        (500, "Other", "x", "registry_unreachable"),
        (503, "Other", "x", "registry_unreachable"),
        (500, "AccessDenied", "x", "access_denied"),
    ],
)
def test_what_aws_s_errors_mean(
    status: int, code: str, message: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}

    def refuse() -> None:
        raise ClientError(response, "GetAuthorizationToken")

    asked = SimpleNamespace(get_authorization_token=refuse, close=lambda: None)
    monkeypatch.setattr(boto3.session.Session, "client", lambda self, service, **options: asked)
    with pytest.raises(PullFailed) as raised:
        get_authorization_token(KEY, ECR_HOST)
    assert raised.value.code == expected
    assert raised.value.raw.endswith(f"{status} {code}")


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
    login = get_authorization_token(access_keys["good"], ECR_HOST, endpoint=strict_aws.url)
    assert (login.username, login.secret) == ("AWS", f"{ACCOUNT}-auth-token")
    assert login.secret not in repr(login) + caplog.text
    assert access_keys["good"]["secret_access_key"] not in caplog.text


def test_a_session_token_is_sent(aws: FakeAws) -> None:
    key = aws.assume_role("pulls", ["ecr:GetAuthorizationToken"])
    assert ECR.check(key, ECR_HOST) == key
    aws.demand_permissions(True)
    try:
        assert get_authorization_token(key, ECR_HOST, endpoint=aws.url).username == "AWS"
        with pytest.raises(PullFailed):
            get_authorization_token({**key, "session_token": TOKEN}, ECR_HOST, endpoint=aws.url)
    finally:
        aws.demand_permissions(False)


def test_a_wrong_signature_gets_nothing(strict_aws: FakeAws, access_keys: Mapping[str, dict[str, str]]) -> None:
    with pytest.raises(PullFailed):
        get_authorization_token(access_keys["wrong"], ECR_HOST, endpoint=strict_aws.url)


def test_the_host_s_region_signs(aws_refusing: FakeRegistry) -> None:
    with pytest.raises(PullFailed):
        get_authorization_token(KEY, f"{ACCOUNT}.dkr.ecr.sa-east-1.amazonaws.com", endpoint=aws_refusing.url)
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
    ("fault", "code", "raw", "asked"),
    [
        (error("UnrecognizedClientException"), "authentication_failed", "400 UnrecognizedClientException", 1),
        (error("InvalidSignatureException"), "authentication_failed", "400 InvalidSignatureException", 1),
        (error("InvalidSignatureException", "Signature expired: it is late"), "unexpected", "clock", 1),
        (error("ExpiredTokenException"), "credential_expired", "400 ExpiredTokenException", 1),
        (
            error("AccessDeniedException", "not authorized to perform: ecr:GetAuthorizationToken"),
            "access_denied",
            "400 AccessDeniedException",
            1,
        ),
        (error("SomethingNew"), "unexpected", "400 SomethingNew", 1),
        (error("ThrottlingException"), "rate_limited", "400 ThrottlingException", 2),
        (error("ServerException", status=500), "registry_unreachable", "500 ServerException", 2),
        (Reply(200, b"<html>not AWS</html>").fault(), "registry_unreachable", "", 1),
        (Reply(200, {"authorizationData": []}).fault(), "registry_unreachable", "no token", 1),
        (Reply(200, {"authorizationData": [{"authorizationToken": "%%%"}]}).fault(), "registry_unreachable", "", 1),
        (Reply(200, {"authorizationData": [{"authorizationToken": "QVdT"}]}).fault(), "registry_unreachable", "", 1),
        (Fault("/", raw=b""), "registry_unreachable", "ConnectionClosedError", 2),
    ],
)
def test_what_aws_answers(
    fault: Fault, code: str, raw: str, asked: int, aws_refusing: FakeRegistry, aws_pauses: list[float]
) -> None:
    aws_refusing.faults.insert(0, fault)
    with pytest.raises(PullFailed) as raised:
        get_authorization_token(KEY, ECR_HOST, endpoint=aws_refusing.url)
    assert raised.value.code == code
    assert raw in raised.value.raw
    assert raised.value.__context__ is None
    assert SECRET_KEY not in str(vars(raised.value))
    assert len(aws_refusing.seen) == asked
    assert len(aws_pauses) == asked - 1
    assert all(0 <= pause <= 1 for pause in aws_pauses)


def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(PullFailed) as raised:
            get_authorization_token(KEY, ECR_HOST, endpoint=f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert (raised.value.code, raised.value.raw) == ("registry_unreachable", "EndpointConnectionError")
    assert "api.ecr.eu-west-1.amazonaws.com" in str(raised.value.params["reason"])


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
        get_authorization_token(KEY, ECR_HOST, endpoint=aws_refusing.url)
    assert raised.value.code == "authentication_failed"
    (asked,) = aws_refusing.seen
    assert KEY_ID in asked.headers["authorization"]
    assert "/eu-west-1/" in asked.headers["authorization"]
    assert "x-amz-security-token" not in asked.headers
