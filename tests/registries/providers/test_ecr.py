"""AWS: hosts and their regions, keys, and what the registry answers."""

from __future__ import annotations

import boto3.session
import pytest

from registries.failures import CredentialMalformed
from registries.oci.address_guard import AddressGuard
from registries.oci.transport import Session
from registries.providers import PROVIDERS
from registries.providers.ecr import parse_host
from registries.providers.ecr_token import get_authorization_token
from tests.registries.providers.test_checks import refused
from tests.support.fakes.aws import ACCOUNT
from tests.support.provider_answers import Stage, means
from tests.support.registry_simulations import ECR_HOST

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
        get_authorization_token(KEY, host, Session("registry.example", AddressGuard()))


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


def test_how_long_keys_are() -> None:
    for fits in (
        {"access_key_id": "AKIA" + "A" * 12},
        {"access_key_id": "AKIA" + "A" * 124},
        {"secret_access_key": "x" * 16},
        {"secret_access_key": "x" * 128},
        {"access_key_id": "ASIA" + "0" * 16, "session_token": "x" * 16},
        {"access_key_id": "ASIA" + "0" * 16, "session_token": "x" * 8192},
    ):
        assert ECR.check(KEY | fits, ECR_HOST) == KEY | fits
    for changes in (
        {"access_key_id": "AKIA" + "A" * 11},
        {"access_key_id": "AKIA" + "A" * 125},
        {"secret_access_key": "x" * 15},
        {"secret_access_key": "x" * 129},
        {"access_key_id": "ASIA" + "0" * 16, "session_token": "x" * 15},
    ):
        refused(ECR, ECR_HOST, KEY | changes)


@pytest.mark.parametrize(
    ("stage", "status", "body", "code"),
    [
        (Stage.MANIFEST, 403, "is not authorized to perform: ecr:BatchGetImage on resource", "access_denied"),
        # A pull through cache (Amazon ECR User Guide, "Troubleshooting pull through cache issues").
        (
            Stage.MANIFEST,
            403,
            "is not authorized to perform: ecr:BatchImportUpstreamImage on resource",
            "access_denied",
        ),
        (Stage.MANIFEST, 404, "not authorized to perform: ecr:CreateRepository on resource", "access_denied"),
        (Stage.MANIFEST, 404, "UnableToGetUpstreamImageException: docker-hub/library/x", "registry_unreachable"),
        (Stage.BLOB, 404, "UnableToGetUpstreamLayerException", "registry_unreachable"),
        (Stage.MANIFEST, 400, "UnableToAccessSecretException", "registry_refuses"),
        (Stage.MANIFEST, 400, "SecretNotFoundException", "registry_refuses"),
        (Stage.MANIFEST, 404, "PullThroughCacheRuleNotFoundException", "image_not_found"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "NAME_UNKNOWN"}]}, "image_not_found"),
        (Stage.MANIFEST, 400, "RepositoryNotFoundException: the repository does not exist", "image_not_found"),
        (Stage.MANIFEST, 403, "Your authorization token has expired.", "authentication_failed"),
        (Stage.BLOB, 429, {"errors": [{"code": "TOOMANYREQUESTS"}]}, "rate_limited"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, code: str) -> None:
    assert means("ecr", stage, status, body).code == code


def test_a_password_that_has_expired_is_replaced_by_the_next_attempt() -> None:
    """It was made from the access key for this pull, and the key is not what has expired."""
    failure = means("ecr", Stage.BLOB, 403, "Your authorization token has expired. Reauthenticate and try again.")
    assert (failure.retryable, failure.keeps_credential) == (True, True)


def test_the_hint_names_all_permissions() -> None:
    for permission in ("ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"):
        assert permission in ECR.hints["access_denied"]
