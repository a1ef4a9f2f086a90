"""AWS: hosts and their regions, keys, and GetAuthorizationToken against moto and against AWS's own refusals."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3.session
import pytest

from registries.failures import CredentialMalformed, PullFailed
from registries.providers import PROVIDERS
from registries.providers.ecr import parse_host
from registries.providers.ecr_token import get_authorization_token
from tests.registries.providers.test_checks import refused
from tests.support.fakes.aws import ACCOUNT, FakeAws
from tests.support.fakes.faults import Fault
from tests.support.fakes.registry import FakeRegistry
from tests.support.provider_answers import Stage, means
from tests.support.registry_simulations import ECR_HOST, Reply

ECR = PROVIDERS["ecr"]
KEY_ID, SECRET_KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # pragma: allowlist secret
KEY = {"access_key_id": KEY_ID, "secret_access_key": SECRET_KEY}
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE+/=="


@pytest.mark.parametrize(
    ("host", "region", "partition", "api_host"),
    [
        ("dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1", "aws", "api.ecr.eu-west-1.amazonaws.com"),
        ("dkr.ecr.ap-southeast-7.amazonaws.com:443", "ap-southeast-7", "aws", "api.ecr.ap-southeast-7.amazonaws.com"),
        ("dkr-ecr.eu-west-1.on.aws", "eu-west-1", "aws", "api.ecr.eu-west-1.amazonaws.com"),
        ("dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1", "aws", "ecr-fips.us-east-1.amazonaws.com"),
        (
            "dkr.ecr.us-gov-west-1.amazonaws.com", "us-gov-west-1", "aws-us-gov", "api.ecr.us-gov-west-1.amazonaws.com",
        ),
        ("dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", "aws-cn", "api.ecr.cn-north-1.amazonaws.com.cn"),
        ("dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", "aws-eusc", "api.ecr.eusc-de-east-1.amazonaws.eu"),
        ("dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", "aws-iso", "api.ecr.us-iso-east-1.c2s.ic.gov"),
        ("dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", "aws-iso-b", "api.ecr.us-isob-east-1.sc2s.sgov.gov"),
    ],
)  # fmt: skip
def test_hosts(host: str, region: str, partition: str, api_host: str) -> None:
    found = parse_host(f"{ACCOUNT}.{host}")
    assert found is not None
    assert (found.account, found.region, found.partition, found.api_host) == (ACCOUNT, region, partition, api_host)
    assert found.fips == ("-fips" in host)


def test_the_regions_that_aws_names_are_asked_where_aws_has_them() -> None:
    session = boto3.session.Session(aws_access_key_id="x", aws_secret_access_key="x")
    count = 0
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("ecr", partition):
            client = session.client("ecr", region_name=region)
            suffix = client.meta.endpoint_url.partition(f"{region}.")[2]
            found = parse_host(f"{ACCOUNT}.dkr.ecr.{region}.{suffix}")
            assert found is not None, region
            assert (f"https://{found.api_host}", found.partition) == (client.meta.endpoint_url, partition)
            count += 1
    assert count > 30


@pytest.mark.parametrize(
    "host",
    [
        f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com",
        f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com.cn",
        f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com:5000",
        f"{ACCOUNT}.dkr.ecr.evil.example/.amazonaws.com",
        f"{ACCOUNT}.dkr.ecr.amazonaws.com",
        f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com\n",
        f"1{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com",
        "registry.example.com",
        "",
    ],
)
def test_hosts_that_are_none_of_its(host: str) -> None:
    assert parse_host(host) is None
    with pytest.raises(CredentialMalformed):
        ECR.check(KEY, host)
    with pytest.raises(CredentialMalformed):
        get_authorization_token(KEY, host)


def test_keys() -> None:
    assert ECR.check({**KEY, "session_token": ""}, ECR_HOST) == KEY
    temporary = {**KEY, "access_key_id": KEY_ID.replace("AKIA", "ASIA"), "session_token": TOKEN}
    assert ECR.check(temporary, ECR_HOST) == temporary


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"access_key_id": SECRET_KEY, "secret_access_key": KEY_ID}, "access_key_id"),
        ({"access_key_id": KEY_ID.lower()}, "access_key_id"),
        ({"access_key_id": f"{KEY_ID} "}, "access_key_id"),
        ({"access_key_id": "AIDAIOSFODNN7EXAMPLE"}, "access_key_id"),
        ({"access_key_id": "AKIAXXXXX"}, "access_key_id"),
        ({"secret_access_key": f"{SECRET_KEY} "}, "secret_access_key"),
        ({"secret_access_key": f'"{SECRET_KEY}"'}, "secret_access_key"),
        ({"access_key_id": KEY_ID.replace("AKIA", "ASIA")}, "session_token"),
        ({"session_token": TOKEN}, "session_token"),
        ({"access_key_id": KEY_ID.replace("AKIA", "ASIA"), "session_token": f"a b {TOKEN}"}, "session_token"),
    ],
)
def test_keys_that_can_not_work(changes: dict[str, str], field: str) -> None:
    assert refused(ECR, ECR_HOST, {**KEY, **changes}).params["field"] == field


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


def error(code: str, message: str = "as AWS has it", status: int = 400) -> Fault:
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


@pytest.mark.parametrize(
    ("stage", "status", "body", "code"),
    [
        (Stage.MANIFEST, 403, "is not authorized to perform: ecr:BatchGetImage on resource", "access_denied"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "NAME_UNKNOWN"}]}, "image_not_found"),
        (Stage.MANIFEST, 400, "RepositoryNotFoundException: the repository does not exist", "image_not_found"),
        (Stage.MANIFEST, 403, "Your authorization token has expired.", "authentication_failed"),
        (Stage.BLOB, 429, {"errors": [{"code": "TOOMANYREQUESTS"}]}, "rate_limited"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, code: str) -> None:
    assert means("ecr", stage, status, body).code == code


def test_the_hint_names_all_permissions() -> None:
    for permission in ("ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"):
        assert permission in ECR.hints["access_denied"]
